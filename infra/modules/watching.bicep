// Monitoring: the alerts and their receivers, the workbook, the budget.

import { stringMap } from 'types.bicep'

@description('Name of this environment.')
param environmentName string

@description('Name of the action group.')
param actionGroupName string

@description('Azure region; the workspace\'s.')
param location string

@description('Tags of everything here.')
param tags stringMap

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('E-mail addresses that receive alerts and budget notices.')
param emails string[]

@description('False creates the alert rules disabled.')
param alertsEnabled bool

@description('An alert fires when a tenant has been due for more than this many seconds.')
param oldestDueAgeSeconds int

@description('An alert fires when more than this many messages become Dead in 15 minutes.')
param deadMessages int

@description('An alert fires when a tenant has had at least this many failed runs in a row for half an hour.')
param failureStreak int

@description('Monthly budget of the resource group in the currency of the bill; 0 for none.')
param monthlyBudget int

@description('First day of the month in which the budget starts; empty for no budget.')
param budgetStartDate string

module actionGroup 'action-group.bicep' = {
  name: 'action-group'
  params: {
    name: actionGroupName
    tags: tags
    emails: emails
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    namePrefix: 'multi-outbox-${environmentName}'
    location: location
    tags: tags
    workspaceId: workspaceId
    actionGroupId: actionGroup.outputs.id
    oldestDueAgeSeconds: oldestDueAgeSeconds
    deadMessages: deadMessages
    failureStreak: failureStreak
    enabled: alertsEnabled
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: workspaceId
    displayName: 'multi-outbox fleet (${environmentName})'
  }
}

module budget 'budget.bicep' = if (monthlyBudget > 0 && !empty(budgetStartDate)) {
  name: 'budget'
  params: {
    name: 'multi-outbox-${environmentName}'
    amount: monthlyBudget
    startDate: budgetStartDate
    actionGroupId: actionGroup.outputs.id
    emails: emails
  }
}
