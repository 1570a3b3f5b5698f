// The cheapest deployment for a trial. node_modules/multi-outbox/infra/main.bicep describes every parameter, and
// main.prod.bicepparam beside it has those of a production deployment.
// Values of the environment come from variables, which azd sets.

using '../node_modules/multi-outbox/infra/main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION')

param sqlAdministratorName = readEnvironmentVariable('SQL_ADMINISTRATOR_NAME')
param sqlAdministratorObjectId = readEnvironmentVariable('SQL_ADMINISTRATOR_OBJECT_ID')
param sqlAdministratorType = readEnvironmentVariable('SQL_ADMINISTRATOR_TYPE', 'User')
param operatorPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorPrincipalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'None')

// The address from which you create schemas and users.
param sqlAllowedAddresses = [
  {
    name: 'developer'
    start: readEnvironmentVariable('SQL_ALLOWED_ADDRESS')
    end: readEnvironmentVariable('SQL_ALLOWED_ADDRESS')
  }
]

// Fewer than 40 instances are accepted in West Europe, Australia East and West US 2. Elsewhere use 40, and S3 or GP_S_Gen5_2.
param registrySku = 'Basic'
param maximumInstanceCount = 8
param keyVaultPurgeProtection = false
param alertsEnabled = false
param logDailyQuotaGb = 1

// The app's own settings, beside those of multi-outbox.
param appSettings = {
  BILLING_URL: readEnvironmentVariable('BILLING_URL')
}
