// For production: private network, availability zones, two warm planners, alerts and a budget.
// Values of the environment come from variables, which azd sets; export them yourself for az deployment sub create.

using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param location = readEnvironmentVariable('AZURE_LOCATION')

param sqlAdministratorName = readEnvironmentVariable('SQL_ADMINISTRATOR_NAME')
param sqlAdministratorObjectId = readEnvironmentVariable('SQL_ADMINISTRATOR_OBJECT_ID')
param sqlAdministratorType = readEnvironmentVariable('SQL_ADMINISTRATOR_TYPE', 'Group')
param operatorPrincipalId = readEnvironmentVariable('OPERATOR_OBJECT_ID', '')
param operatorPrincipalType = readEnvironmentVariable('OPERATOR_TYPE', 'Group')

param privateNetwork = true
param zoneRedundant = true

// The plan runs every few seconds, so its instances stay warm and never wait for a cold start. Availability zones need two.
param alwaysReady = [
  {
    name: 'function:plan'
    instanceCount: 2
  }
]

// Its 300 concurrent workers carry 40 instances on demand and the 16 that zones keep ready (docs/azure.md, Scaling). A serverless
// database costs what it uses, and at least half a vCore in this size too.
param registrySku = 'GP_S_Gen5_4'
param registryBackupRedundancy = 'Geo'

param logRetentionDays = 90
param alertEmails = [readEnvironmentVariable('ALERT_EMAIL')]
param monthlyBudget = int(readEnvironmentVariable('MONTHLY_BUDGET', '0'))
// Set the start once: Azure refuses another one for a budget that exists.
param budgetStartDate = readEnvironmentVariable('BUDGET_START_DATE', 'None')
