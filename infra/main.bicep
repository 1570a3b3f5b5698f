// multi-outbox on Azure: one Flex Consumption function app that dispatches every tenant's outbox, and what it stands on.
// docs/azure.md leads through it, command by command. Deployed at a subscription: it makes the resource group itself.

targetScope = 'subscription'

// ---- where and under what names

@description('Name of this environment, such as dev or prod. Names of resources follow from it.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region of everything. It must have the Flex Consumption plan: az functionapp list-flexconsumption-locations.')
@minLength(1)
param location string

@description('Resource group, made if it is missing.')
param resourceGroupName string = 'rg-multi-outbox-${environmentName}'

@description('Tags of every resource.')
param tags object = {}

// ---- the function app

@description('Node.js version of the app. Not every region has 24 yet.')
@allowed(['22', '24'])
param nodeVersion string = '22'

@description('Memory of an instance in MB; CPU comes in proportion. 2048 is one core.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of any one function at the same time. Times the runs of an instance (batchSize + newBatchThreshold in host.json) it is the number of dispatch runs at once, so of tenant databases worked on at once, and so what the SQL servers and the registry must bear. 40 is the least that every region accepts; raise it only as far as SQL goes along (docs/azure.md, Scaling).')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are always kept running, each with name (function:plan, function:dispatch, http) and instanceCount. With zoneRedundant at least two each.')
param alwaysReady array = []

@description('Seconds between two plans: how long a due tenant waits at most before it is noticed.')
@allowed([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30])
param planIntervalSeconds int = 5

@description('Settings that differ from the defaults of docs/configuration.md, by variable name: { MULTI_OUTBOX_IDLE_CEILING: \'1h\' }. No secrets here.')
param appSettings object = {}

@description('Settings that are secrets: variable name to the name of the secret in the key vault: { MULTI_OUTBOX_SMTP_URL: \'smtp-url\', TENANT_ACME: \'tenant-acme\' }. Names of tenants\' connection strings belong here too (tenants add --auth-setting TENANT_ACME).')
param secretSettings object = {}

@description('Client id of an application registered in Entra ID: the HTTP functions then take its tokens only, beside the function key. Empty: function keys alone.')
param entraClientId string = ''

@description('With entraClientId: paths that need no token.')
param openPaths array = ['/api/health/live']

// ---- SQL

@description('Entra user, group or application that administers the SQL server, by display name: who runs the scripts of docs/azure.md. A group is best.')
@minLength(1)
param sqlAdministratorName string

@description('Its object id.')
@minLength(36)
param sqlAdministratorObjectId string

@description('What it is.')
@allowed(['User', 'Group', 'Application'])
param sqlAdministratorType string

@description('Service objective of the registry database: GP_S_Gen5_1 (serverless, at most one vCore), GP_Gen5_2, S0 and so on. The registry is asked at every plan and told of every run.')
param registrySku string = 'GP_S_Gen5_1'

@description('Serverless only: the least vCores the registry keeps.')
param registryMinimumCapacity string = '0.5'

@description('Serverless only: minutes until the registry pauses; -1 for never. A running app asks it every few seconds, so it would not pause anyway.')
param registryAutoPauseDelayMinutes int = -1

@description('Where backups of the registry are kept.')
@allowed(['Local', 'Zone', 'Geo', 'GeoZone'])
param registryBackupRedundancy string = 'Local'

@description('Addresses let through the SQL firewall, each with name, start and end: yours, to create schemas and users.')
param sqlAllowedAddresses array = []

// ---- network and availability

@description('True: a virtual network, private endpoints for storage, SQL and key vault, and no public way to them. Calls of the app leave from one fixed address.')
param privateNetwork bool = false

@description('With privateNetwork: address space, at least a /24.')
param addressPrefix string = '10.42.0.0/24'

@description('Spread plan, storage and registry over availability zones, where the region has them.')
param zoneRedundant bool = false

// ---- people

@description('Object id of who writes secrets and looks into queues; empty for nobody.')
param operatorPrincipalId string = ''

@description('What the operator is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'User'

// ---- watching

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Ingestion cap of the workspace in GB a day; -1 for none. Past a cap alerts see nothing.')
param logDailyQuotaGb int = -1

@description('E-mail addresses that hear of alerts and of the budget.')
param alertEmails array = []

@description('False to create the alert rules and leave them silent.')
param alertsEnabled bool = true

@description('Seconds that a tenant may be due before somebody is told.')
param oldestDueAgeSeconds int = 900

@description('Messages that may go to Dead in 15 minutes before somebody is told.')
param deadMessages int = 0

@description('Failed runs of a tenant within an hour, with no good one between them, before somebody is told.')
param failureStreak int = 5

@description('Monthly budget of the resource group in the currency of the bill; 0 for none.')
@minValue(0)
param monthlyBudget int = 0

@description('First day of the month the budget begins in, such as 2026-01-01.')
param budgetStartDate string = utcNow('yyyy-MM-01')

// ---- names

var token = toLower(uniqueString(subscription().id, environmentName, location))
var allTags = union(tags, { 'azd-env-name': environmentName })
var names = {
  identity: 'id-multi-outbox-${environmentName}'
  functionApp: 'func-multi-outbox-${token}'
  storage: 'st${token}'
  sqlServer: 'sql-multi-outbox-${token}'
  registry: 'multi-outbox-registry'
  keyVault: 'kv-${token}'
  workspace: 'log-multi-outbox-${token}'
  applicationInsights: 'appi-multi-outbox-${token}'
  network: 'vnet-multi-outbox-${token}'
  actionGroup: 'ag-multi-outbox-${token}'
}

// The names that functions/ binds to.
var queueNames = ['multi-outbox-dispatch', 'multi-outbox-pages', 'multi-outbox-wake']

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: names.identity
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: names.workspace
    applicationInsightsName: names.applicationInsights
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: names.storage
    location: location
    tags: allTags
    skuName: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
    publicNetworkAccess: !privateNetwork
    queueNames: queueNames
    deploymentContainerName: 'deployments'
  }
}

module sql 'modules/sql.bicep' = {
  name: 'sql'
  scope: group
  params: {
    serverName: names.sqlServer
    databaseName: names.registry
    location: location
    tags: allTags
    administratorLogin: sqlAdministratorName
    administratorObjectId: sqlAdministratorObjectId
    administratorType: sqlAdministratorType
    skuName: registrySku
    minimumCapacity: registryMinimumCapacity
    autoPauseDelayMinutes: registryAutoPauseDelayMinutes
    zoneRedundant: zoneRedundant
    backupRedundancy: registryBackupRedundancy
    publicNetworkAccess: !privateNetwork
    allowAzureServices: !privateNetwork
    allowedAddresses: sqlAllowedAddresses
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: names.keyVault
    location: location
    tags: allTags
    publicNetworkAccess: !privateNetwork
    readerPrincipalId: identity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
  }
}

module privateAccess 'modules/private-access.bicep' = if (privateNetwork) {
  name: 'private-access'
  scope: group
  params: {
    networkName: names.network
    location: location
    tags: allTags
    addressPrefix: addressPrefix
    storageAccountId: storage.outputs.id
    sqlServerId: sql.outputs.serverId
    keyVaultId: keyVault.outputs.id
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  // Without its rights, or without a way to its storage, the host's first start fails.
  dependsOn: [roles, privateAccess]
  params: {
    name: names.functionApp
    location: location
    tags: allTags
    serviceName: 'dispatch'
    identityId: identity.outputs.id
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    nodeVersion: nodeVersion
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    alwaysReady: alwaysReady
    zoneRedundant: zoneRedundant
    subnetId: privateNetwork ? privateAccess!.outputs.functionsSubnetId : ''
  }
}

module settings 'modules/settings.bicep' = {
  name: 'settings'
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    registryUrl: sql.outputs.registryUrl
    planIntervalSeconds: planIntervalSeconds
    appSettings: appSettings
    secretSettings: secretSettings
    keyVaultName: keyVault.outputs.name
  }
}

module easyAuth 'modules/easy-auth.bicep' = if (!empty(entraClientId)) {
  name: 'easy-auth'
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    clientId: entraClientId
    excludedPaths: openPaths
  }
}

module diagnostics 'modules/diagnostics.bicep' = {
  name: 'diagnostics'
  scope: group
  params: {
    workspaceId: monitoring.outputs.workspaceId
    functionAppName: functionApp.outputs.name
    storageAccountName: storage.outputs.name
    sqlServerName: sql.outputs.serverName
    registryDatabaseName: sql.outputs.databaseName
    keyVaultName: keyVault.outputs.name
  }
}

module watching 'modules/watching.bicep' = {
  name: 'watching'
  scope: group
  params: {
    environmentName: environmentName
    actionGroupName: names.actionGroup
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    emails: alertEmails
    alertsEnabled: alertsEnabled
    oldestDueAgeSeconds: oldestDueAgeSeconds
    deadMessages: deadMessages
    failureStreak: failureStreak
    monthlyBudget: monthlyBudget
    budgetStartDate: budgetStartDate
  }
}

// ---- what the next steps need (azd keeps them as variables: azd env get-values)

@description('Registry URL: what the command line and the app take as MULTI_OUTBOX_REGISTRY.')
output MULTI_OUTBOX_REGISTRY string = sql.outputs.registryUrl

@description('Resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Function app.')
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Address of the HTTP functions.')
output AZURE_FUNCTION_APP_URL string = 'https://${functionApp.outputs.hostName}'

@description('Storage account that holds the queues.')
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Name of the app\'s identity, and of its user in the databases.')
output AZURE_IDENTITY_NAME string = identity.outputs.name

@description('Client id of the app\'s identity: its user in a database is made from it.')
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('SQL server of the registry, as a resource.')
output AZURE_SQL_SERVER_NAME string = sql.outputs.serverName

@description('SQL server of the registry, as an address.')
output AZURE_SQL_SERVER_ADDRESS string = sql.outputs.fullyQualifiedDomainName

@description('Registry database.')
output AZURE_SQL_REGISTRY_DATABASE string = sql.outputs.databaseName

@description('Key vault for secrets of settings.')
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name

@description('Address that the app\'s calls leave from; empty without a virtual network.')
output AZURE_OUTBOUND_ADDRESS string = privateNetwork ? privateAccess!.outputs.outboundAddress : ''
