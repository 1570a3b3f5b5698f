// Everything that watches: alerts and who hears of them, the workbook, the budget.

@description('Name of this environment.')
param environmentName string

@description('Name of the action group.')
param actionGroupName string

@description('Azure region; the workspace\'s.')
param location string

@description('Tags of everything here.')
param tags object

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('E-mail addresses that hear of alerts and of the budget.')
param emails array

@description('False to create the alert rules and leave them silent.')
param alertsEnabled bool

@description('Seconds that a tenant may be due before somebody is told.')
param oldestDueAgeSeconds int

@description('Messages that may go to Dead in 15 minutes before somebody is told.')
param deadMessages int

@description('Failed runs of a tenant within an hour, with no good one between them, before somebody is told.')
param failureStreak int

@description('Monthly budget of the resource group in the currency of the bill; 0 for none.')
param monthlyBudget int

@description('First day of the month the budget begins in.')
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

module budget 'budget.bicep' = if (monthlyBudget > 0) {
  name: 'budget'
  params: {
    name: 'multi-outbox-${environmentName}'
    amount: monthlyBudget
    startDate: budgetStartDate
    actionGroupId: actionGroup.outputs.id
    emails: emails
  }
}
