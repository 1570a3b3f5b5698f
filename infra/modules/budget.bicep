// A monthly budget of the resource group. It sends notices but stops nothing. Its start cannot be changed
// (https://github.com/Azure/azure-quickstart-templates/issues/7095), so it does not follow the clock.

@description('Name of the budget.')
param name string

@description('Amount a month, in the currency of the bill.')
param amount int

@description('First day of the month in which it starts, such as 2026-01-01.')
param startDate string

@description('Id of the action group that receives the notices.')
param actionGroupId string

@description('E-mail addresses that receive the notices.')
param emails string[]

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: startDate
    }
    notifications: {
      mostOfItSpent: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        thresholdType: 'Actual'
        threshold: 80
        contactEmails: emails
        contactGroups: [actionGroupId]
      }
      forecastOverIt: {
        enabled: true
        operator: 'GreaterThan'
        thresholdType: 'Forecasted'
        threshold: 100
        contactEmails: emails
        contactGroups: [actionGroupId]
      }
    }
  }
}
