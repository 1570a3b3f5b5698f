// Alerts over the app's telemetry in the workspace. Metric names are those of src/telemetry; docs/azure.md says what to do
// when one fires.
//
// The rules read metrics only, because metrics are never sampled; requests and traces are. They read no metric by tenant,
// because a process labels a limited number of tenants: the gauges of the fleet cover all of it.
//
// A new workspace has no table AppMetrics before the first telemetry arrives. Azure would refuse rules that
// query a missing table (disabled ones too), and would disable rules whose query fails for a week
// (https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-troubleshoot-log). So the rules skip the validation, and
// their queries read the table in a fuzzy union beside an empty one, because a fuzzy union needs one source that exists
// (https://learn.microsoft.com/kusto/query/union-operator). A rule that runs every minute may not have a union
// (https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule#frequency).
//
// Telemetry arrives late, at times by minutes (https://learn.microsoft.com/azure/azure-monitor/logs/data-ingestion-time). So
// each window is at least ten minutes longer than the interval of evaluations: each event is seen although it arrives late.

import { stringMap } from 'types.bicep'

@description('Prefix of the names of the rules.')
param namePrefix string

@description('Azure region of the rules; the workspace\'s.')
param location string

@description('Tags of the rules.')
param tags stringMap

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Id of the action group.')
param actionGroupId string

@description('An alert fires when a tenant has been due for more than this many seconds.')
param oldestDueAgeSeconds int

@description('An alert fires when more than this many messages become Dead in 15 minutes.')
param deadMessages int

@description('An alert fires when a tenant has had at least this many failed runs in a row for half an hour.')
param failureStreak int

@description('False creates the rules disabled.')
param enabled bool

var appMetrics = 'union isfuzzy=true AppMetrics, (datatable(TimeGenerated: datetime, Name: string, Sum: real, Properties: dynamic)[])'

var rules = [
  {
    name: 'no-plan'
    severity: 1
    title: 'Nothing is planned'
    description: 'There was no plan for 15 minutes, so no tenant is served. A planner does not count if it found that another one holds the plan lease. A plan by a host without telemetry counts.'
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${appMetrics} | where (Name == "multi_outbox.plans" and tostring(Properties["status"]) in ("planned", "idle")) or (Name == "multi_outbox.fleet.last_plan_age" and Sum < 60000.0)'
    aggregation: 'Count'
    column: null
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'oldest-due-age'
    severity: 2
    title: 'A tenant waits too long'
    description: 'The tenant that has been due longest waits longer than the limit: there are too few runs for the work.'
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${appMetrics} | where Name == "multi_outbox.fleet.oldest_due_age" | summarize Seconds = max(Sum) / 1000.0 by bin(TimeGenerated, 5m)'
    aggregation: 'Minimum'
    column: 'Seconds'
    operator: 'GreaterThan'
    threshold: oldestDueAgeSeconds
  }
  {
    name: 'dead-messages'
    severity: 2
    title: 'Messages went to Dead'
    description: 'Messages used up their attempts or failed for good. They stay until an operator replays or discards them.'
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${appMetrics} | where Name == "multi_outbox.fleet.messages" | where tostring(Properties["result"]) == "dead" | summarize Dead = max(Sum) - min(Sum)'
    aggregation: 'Total'
    column: 'Dead'
    operator: 'GreaterThan'
    threshold: deadMessages
  }
  {
    name: 'lost-outcomes'
    severity: 2
    title: 'Runs lost their lease while they worked'
    description: 'Outcomes could not be written because another run had taken over: messages were dispatched more than once.'
    frequency: 'PT15M'
    window: 'PT30M'
    query: '${appMetrics} | where Name == "multi_outbox.fleet.messages" | where tostring(Properties["result"]) == "lost" | summarize Lost = max(Sum) - min(Sum)'
    aggregation: 'Total'
    column: 'Lost'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'poison'
    severity: 2
    title: 'Messages are in a poison queue'
    description: 'A queue message could not be read, names an unknown tenant, or failed again and again. The metric says which queue, and what became of it.'
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${appMetrics} | where Name == "multi_outbox.poisoned" | summarize Messages = sum(Sum)'
    aggregation: 'Total'
    column: 'Messages'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'failure-streak'
    severity: 2
    title: 'A tenant keeps failing'
    description: 'A tenant has failed so many times in a row for half an hour. Its last error is in: multi-outbox status --failing.'
    frequency: 'PT15M'
    window: 'PT30M'
    query: '${appMetrics} | where Name == "multi_outbox.fleet.longest_streak" | summarize Streak = max(Sum) by bin(TimeGenerated, 5m)'
    aggregation: 'Minimum'
    column: 'Streak'
    operator: 'GreaterThanOrEqual'
    threshold: failureStreak
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: '${namePrefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'multi-outbox: ${rule.title}'
      description: rule.description
      severity: rule.severity
      enabled: enabled
      scopes: [workspaceId]
      skipQueryValidation: true
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: rule.aggregation
            metricMeasureColumn: rule.column
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      actions: {
        actionGroups: [actionGroupId]
      }
    }
  }
]
