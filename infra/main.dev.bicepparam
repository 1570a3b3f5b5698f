// For experiments: the smallest registry, public endpoints, no budget.
// Values of the environment come from variables, which azd sets; export them yourself for az deployment sub create.

using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION')

param sqlAdministratorName = readEnvironmentVariable('SQL_ADMINISTRATOR_NAME')
param sqlAdministratorObjectId = readEnvironmentVariable('SQL_ADMINISTRATOR_OBJECT_ID')
param sqlAdministratorType = readEnvironmentVariable('SQL_ADMINISTRATOR_TYPE', 'User')
// Whoever deploys: a user, or the service principal of a pipeline. Without a kind there is no operator.
param operatorPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorPrincipalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'None')

// The cheapest database has 30 concurrent workers, which carry the connections of eight instances (docs/azure.md, Scaling). Fewer
// than 40 instances are accepted in West Europe, Australia East and West US 2
// (https://github.com/Azure/azure-functions-host/issues/10523). Elsewhere use 40 and a larger registry: S3, or GP_S_Gen5_2.
param registrySku = 'Basic'
param maximumInstanceCount = 8

// The address from which you create schemas and users.
param sqlAllowedAddresses = [
  {
    name: 'developer'
    start: readEnvironmentVariable('SQL_ALLOWED_ADDRESS')
    end: readEnvironmentVariable('SQL_ALLOWED_ADDRESS')
  }
]

// `azd down --purge` then leaves no vault behind, and an environment of the same name can be created again at once.
param keyVaultPurgeProtection = false

// An experiment should not send alerts.
param alertsEnabled = false
param logDailyQuotaGb = 1
