// multi-outbox on Azure: one Flex Consumption function app that dispatches every tenant's outbox, and the resources it needs.
// docs/azure-deployment.md lists the commands. Deploy it to a subscription; it creates the resource group.

targetScope = 'subscription'

import { addressRange, alwaysReadyInstances, stringMap } from 'modules/types.bicep'

// ---- region and names

@description('Name of this environment, such as dev or prod: letters, digits, dashes and underscores. It becomes part of the names of resources.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region of all resources. It must have the Flex Consumption plan: az functionapp list-flexconsumption-locations.')
@minLength(1)
param location string

@description('Resource group; created if it is missing.')
param resourceGroupName string = 'rg-multi-outbox-${environmentName}'

@description('Tags of every resource.')
param tags stringMap = {}

// ---- the function app

@description('Node.js version of the app. Not every region has 24 yet.')
@allowed(['22', '24'])
param nodeVersion string = '22'

@description('Memory of an instance in MB. CPU is proportional to it; 2048 MB means one core.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances on demand of each function that is scaled by itself (all HTTP functions count as one); alwaysReady comes on top. Multiplied by the runs per instance (batchSize + newBatchThreshold in host.json) it gives the number of concurrent dispatch runs, each on one tenant database; multiplied by the connections of an instance (MULTI_OUTBOX_SQL_POOL_SIZE) the load of the registry. Raise it only as far as SQL allows (docs/azure.md, Scaling). Most regions refuse values below 40.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('HTTP requests that an instance works on at the same time; the plan starts another instance for more.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 100

@description('Instances that are always kept running. With zoneRedundant at least two each.')
param alwaysReady alwaysReadyInstances[] = []

@description('Seconds between two plans. A due tenant waits at most this long for the next plan.')
@allowed([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30])
param planIntervalSeconds int = 5

@description('Settings that differ from the defaults of docs/configuration.md, by variable name: { MULTI_OUTBOX_IDLE_CEILING: \'1h\' }. Do not put secrets here.')
param appSettings stringMap = {}

@description('Settings that are secrets: variable name to the name of the secret in the key vault: { MULTI_OUTBOX_SMTP_URL: \'smtp-url\', TENANT_ACME: \'tenant-acme\' }. List the tenants\' connection strings here too (tenants add --auth-setting TENANT_ACME).')
param keyVaultSettings stringMap = {}

@description('True keeps a deleted key vault for 90 days: nobody can purge it, and no environment can use its name. Azure does not take it back. False for environments that come and go (docs/azure-deployment.md, Removing it).')
param keyVaultPurgeProtection bool = true

@description('Client id of an application registered in Entra ID, with requestedAccessTokenVersion 2. The HTTP functions then require a token for it, beside the function key. Empty: they require only the function key.')
param entraClientId string = ''

@description('With entraClientId: client ids of the applications and managed identities that may call the HTTP functions. Others get 403.')
param entraAllowedClientIds string[] = []

@description('With entraClientId: paths that need no token.')
param openPaths string[] = ['/api/health/live']

// ---- SQL

@description('Entra user, group or application that administers the SQL server, by display name. It runs the scripts of docs/azure-deployment.md. Prefer a group.')
@minLength(1)
param sqlAdministratorName string

@description('Object id of the SQL administrator.')
@minLength(36)
@maxLength(36)
param sqlAdministratorObjectId string

@description('Kind of the SQL administrator.')
@allowed(['User', 'Group', 'Application'])
param sqlAdministratorType string

@description('Service objective of the registry database: GP_S_Gen5_2 (serverless, at most two vCores), GP_Gen5_2, S0 and so on. Every plan reads the registry, and every run writes its report to it. Its concurrent workers must carry the connections of maximumInstanceCount and of the always ready instances (docs/azure.md, Scaling).')
param registrySku string = 'GP_S_Gen5_2'

@description('Serverless only: the minimum vCores of the registry database, such as 1.25; empty for the least that its size allows.')
param registryMinimumCapacity string = ''

@description('Storage redundancy of the registry\'s backups.')
@allowed(['Local', 'Zone', 'Geo', 'GeoZone'])
param registryBackupRedundancy string = 'Local'

@description('Addresses that the SQL firewall allows. Add your own, so that you can create schemas and users.')
param sqlAllowedAddresses addressRange[] = []

@description('True writes logins, changes of users and rights, and changes of objects in all databases of the SQL server to the workspace.')
param auditSql bool = false

// ---- network and availability

@description('True creates a virtual network and private endpoints for storage, SQL and key vault, and turns public access off. The app\'s outgoing calls then have one fixed address.')
param privateNetwork bool = false

@description('With privateNetwork: address space of the network, IPv4, at least a /25.')
param addressPrefix string = '10.42.0.0/24'

@description('Spread plan, storage and registry over availability zones, where the region has them. The NAT gateway of a private network stays in one zone. The plan then keeps, and bills, two instances of each function (docs/azure.md, Cost).')
param zoneRedundant bool = false

@description('False refuses calls from the internet to the HTTP functions. Timer and queues go on, and deployments with an Entra token are accepted.')
param publicHttp bool = true

// ---- operator

@description('Object id of the operator, who may write secrets, read queues and discard their messages, and query the workspace; empty for none.')
param operatorPrincipalId string = ''

@description('Kind of the operator; None for no operator. Azure refuses a role assignment whose kind is not that of the principal.')
@allowed(['None', 'User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'None'

// ---- monitoring

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Ingestion cap of the workspace in GB a day; -1 for none. Beyond the cap no data arrives, and alerts cannot fire.')
param logDailyQuotaGb int = -1

@description('False gives the connection string of Application Insights to the app only: its metrics and spans are exported, and the host exports nothing. Log lines and errors of the host are then only in the log stream (docs/azure.md, What the host exports).')
param hostTelemetry bool = true

@description('E-mail addresses that receive alerts and budget notices.')
param alertEmails string[] = []

@description('False creates the alert rules disabled.')
param alertsEnabled bool = true

@description('An alert fires when a tenant has been due for more than this many seconds.')
param oldestDueAgeSeconds int = 900

@description('An alert fires when more than this many messages become Dead in 15 minutes.')
param deadMessages int = 0

@description('An alert fires when a tenant has had at least this many failed runs in a row for half an hour.')
param failureStreak int = 5

@description('Monthly budget of the resource group in the currency of the bill; 0 for none. It needs budgetStartDate.')
@minValue(0)
param monthlyBudget int = 0

@description('First day of the month in which the budget starts, such as 2026-01-01; None for no budget. Set it once, to the month of the first deployment, and keep it: Azure refuses another start date for a budget that exists.')
param budgetStartDate string = 'None'

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

// ---- what Azure would refuse, or misread, only in the middle of a deployment: it is refused before the first resource is made

var firstDays = map(range(1, 12), month => '-${padLeft(string(month), 2, '0')}-01')
var isFirstDay = startsWith(budgetStartDate, '20') && contains(firstDays, skip(budgetStartDate, 4))

var problems = filter(
  [
    !empty(filter(
        map(range(0, length(environmentName)), index => toLower(substring(environmentName, index, 1))),
        character => !contains('abcdefghijklmnopqrstuvwxyz0123456789-_', character)
      ))
      ? 'environmentName may have only letters, digits, dashes and underscores, because names of resources contain it: it is "${environmentName}".'
      : ''
    privateNetwork && (contains(addressPrefix, ':') || parseCidr(addressPrefix).cidr > 25)
      ? 'addressPrefix must be an IPv4 range of /25 or larger, such as 10.42.0.0/24, for two subnets of /26: it is ${addressPrefix}.'
      : ''
    zoneRedundant && !contains(registrySku, '_') && !startsWith(registrySku, 'P')
      ? 'registrySku ${registrySku} cannot be spread over zones: with zoneRedundant use a vCore or Premium objective, such as GP_S_Gen5_2.'
      : ''
    zoneRedundant && startsWith(registrySku, 'HS_') && !contains(['Zone', 'GeoZone'], registryBackupRedundancy)
      ? 'registryBackupRedundancy must be Zone or GeoZone for a Hyperscale registry with zoneRedundant.'
      : ''
    zoneRedundant && !empty(filter(alwaysReady, instances => instances.instanceCount < 2))
      ? 'alwaysReady needs at least two instances of each function with zoneRedundant.'
      : ''
    !empty(filter(openPaths, path => !startsWith(path, '/'))) ? 'openPaths must begin with a slash.' : ''
    !empty(filter(
        openPaths,
        path =>
          contains(['/', '/api', '/api/', '/api/console'], toLower(path)) || startsWith(toLower(path), '/api/console/')
      ))
      ? 'openPaths must not contain /api/console or what is above it: the console takes the name of whoever is signed in from App Service authentication.'
      : ''
    !contains(['', 'None'], budgetStartDate) && !isFirstDay
      ? 'budgetStartDate must be the first day of a month, such as 2026-01-01: it is ${budgetStartDate}.'
      : ''
    !empty(entraClientId) && empty(entraAllowedClientIds)
      ? 'entraAllowedClientIds is empty, which would admit every application of the directory: list the client ids that may call.'
      : ''
  ],
  problem => !empty(problem)
)
var checkedResourceGroupName = empty(problems) ? resourceGroupName : fail(join(problems, ' '))

var operatorId = operatorPrincipalType == 'None' ? '' : operatorPrincipalId

// The names that functions/ binds to.
var queueNames = ['multi-outbox-dispatch', 'multi-outbox-pages', 'multi-outbox-wake']

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: checkedResourceGroupName
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
    purgeProtection: keyVaultPurgeProtection
    readerPrincipalId: identity.outputs.principalId
    operatorPrincipalId: operatorId
    operatorPrincipalType: operatorPrincipalType
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    workspaceName: monitoring.outputs.workspaceName
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: operatorId
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
  // The host's first start fails if it lacks its rights or cannot reach its storage; subnetId makes it wait for privateAccess.
  dependsOn: [roles]
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
    httpConcurrency: httpConcurrency
    alwaysReady: alwaysReady
    publicHttp: publicHttp
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
    storage: storage.outputs.uris
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    hostTelemetry: hostTelemetry
    registryUrl: sql.outputs.registryUrl
    planIntervalSeconds: planIntervalSeconds
    instanceMemoryMB: instanceMemoryMB
    appSettings: appSettings
    keyVaultSettings: keyVaultSettings
    keyVaultName: keyVault.outputs.name
  }
}

module easyAuth 'modules/easy-auth.bicep' = if (!empty(entraClientId)) {
  name: 'easy-auth'
  scope: group
  // One change of the site at a time.
  dependsOn: [settings]
  params: {
    functionAppName: functionApp.outputs.name
    clientId: entraClientId
    allowedClientIds: entraAllowedClientIds
    excludedPaths: openPaths
  }
}

module diagnostics 'modules/diagnostics.bicep' = {
  name: 'diagnostics'
  scope: group
  params: {
    workspaceId: monitoring.outputs.workspaceId
    sqlServerName: sql.outputs.serverName
    registryDatabaseName: sql.outputs.databaseName
    keyVaultName: keyVault.outputs.name
    auditSql: auditSql
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
    budgetStartDate: budgetStartDate == 'None' ? '' : budgetStartDate
  }
}

// ---- outputs for the next steps (azd stores them as variables: azd env get-values)

@description('Registry URL: the value of MULTI_OUTBOX_REGISTRY for the command line and the app.')
output MULTI_OUTBOX_REGISTRY string = sql.outputs.registryUrl

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Function app.')
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Address of the HTTP functions.')
output AZURE_FUNCTION_APP_URL string = 'https://${functionApp.outputs.hostName}'

@description('Storage account that holds the queues.')
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Name of the app\'s identity, and of its user in the databases.')
output AZURE_IDENTITY_NAME string = identity.outputs.name

@description('Log Analytics workspace of the app\'s telemetry.')
output AZURE_LOG_ANALYTICS_WORKSPACE_NAME string = monitoring.outputs.workspaceName

@description('Customer id of the workspace, by which az monitor log-analytics query finds it.')
output AZURE_LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceCustomerId

@description('Client id of the app\'s identity. Its database users are created from it.')
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Resource name of the registry\'s SQL server.')
output AZURE_SQL_SERVER_NAME string = sql.outputs.serverName

@description('Address of the registry\'s SQL server.')
output AZURE_SQL_SERVER_ADDRESS string = sql.outputs.fullyQualifiedDomainName

@description('Registry database.')
output AZURE_SQL_REGISTRY_DATABASE string = sql.outputs.databaseName

@description('Key vault for settings that are secrets.')
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name

@description('Source address of the app\'s outgoing calls; empty without a virtual network.')
output AZURE_OUTBOUND_ADDRESS string = privateNetwork ? privateAccess!.outputs.outboundAddress : ''
