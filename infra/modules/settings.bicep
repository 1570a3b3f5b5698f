// All app settings of the function app. The MULTI_OUTBOX_ settings have the names and defaults of src/settings.ts (described
// in docs/configuration.md); test/unit/infra/settings.test.ts compares the two.

import { storageUris, stringMap } from 'types.bicep'

@description('Name of the function app.')
param functionAppName string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Storage account behind host state, triggers and queues.')
param storage storageUris

@description('Connection string of Application Insights. It names the destination; the identity authenticates.')
param applicationInsightsConnectionString string

@description('False gives the connection string to the app only, and the host exports nothing.')
param hostTelemetry bool

@description('URL of the registry: mssql://<server>/<database>.')
param registryUrl string

@description('Seconds between two plans.')
param planIntervalSeconds int

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('Settings that differ from the defaults, by variable name.')
param appSettings stringMap

@description('Settings whose values are key vault secrets: variable name to secret name.')
param keyVaultSettings stringMap

@description('Name of the key vault.')
param keyVaultName string

// The same defaults as in the code (functions/settings.ts, src/settings.ts), so that the portal shows every setting. An
// empty value counts as absent.
var defaults = {
  MULTI_OUTBOX_BATCH_SIZE: '100'
  MULTI_OUTBOX_CONCURRENCY: '16'
  MULTI_OUTBOX_HANDLER_TIMEOUT: '30s'
  MULTI_OUTBOX_TIME_BUDGET: '60s'
  MULTI_OUTBOX_GRACE: '3s'
  MULTI_OUTBOX_LEASE: '30s'
  MULTI_OUTBOX_ON_DEAD: 'block'
  MULTI_OUTBOX_UNHANDLED_TOPICS: 'park'
  MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: '25'
  MULTI_OUTBOX_RETRY_BASE: '2s'
  MULTI_OUTBOX_RETRY_MAX_DELAY: '15m'
  MULTI_OUTBOX_RETENTION: '7d'
  MULTI_OUTBOX_PLAN_CAPACITY: '10000'
  MULTI_OUTBOX_PLANNERS: '1'
  MULTI_OUTBOX_STRATEGY: 'round-robin'
  MULTI_OUTBOX_FAIR_EVERY: '4'
  MULTI_OUTBOX_REDISPATCH: ''
  MULTI_OUTBOX_IDLE_FLOOR: '2s'
  MULTI_OUTBOX_IDLE_CEILING: '5m'
  MULTI_OUTBOX_LOOK_WITHIN: '1d'
  MULTI_OUTBOX_FAILURE_CEILING: '10m'
  MULTI_OUTBOX_DIRECTORY_REFRESH: '15s'
  MULTI_OUTBOX_MAX_OPEN_DATABASES: '256'
  MULTI_OUTBOX_IDLE_CLOSE: '10m'
  MULTI_OUTBOX_METRIC_TENANTS: '1000'
  MULTI_OUTBOX_METRIC_WORST_TENANTS: '50'
  MULTI_OUTBOX_LOG_HANDLER_ERRORS: 'false'
  MULTI_OUTBOX_HISTORY: 'true'
  MULTI_OUTBOX_EXPORT_CORRELATION_IDS: 'false'
  MULTI_OUTBOX_MAX_BODY_BYTES: '1048576'
  MULTI_OUTBOX_CONSOLE: 'off'
  MULTI_OUTBOX_CONSOLE_ALLOW: 'look'
  MULTI_OUTBOX_CONSOLE_SECRET: ''
  MULTI_OUTBOX_RECEIVE_SOURCES: ''
  MULTI_OUTBOX_SQL_ENCRYPT: 'true'
  MULTI_OUTBOX_SQL_TRUST_SERVER_CERTIFICATE: 'false'
  MULTI_OUTBOX_SQL_ALLOWED_SERVERS: ''
  MULTI_OUTBOX_SQL_POOL_SIZE: '3'
  MULTI_OUTBOX_SQL_MAX_CONNECTIONS_PER_SERVER: '300'
  MULTI_OUTBOX_SQL_CONNECT_TIMEOUT: '15s'
  MULTI_OUTBOX_SQL_REQUEST_TIMEOUT: '30s'
  MULTI_OUTBOX_SMTP_URL: ''
  MULTI_OUTBOX_MAIL_FROM: ''
  MULTI_OUTBOX_WEBHOOK_SECRET: ''
  MULTI_OUTBOX_WEBHOOK_ALLOW_PRIVATE: 'false'
}

// Settings that this deployment decides.
var deployed = {
  MULTI_OUTBOX_REGISTRY: registryUrl
  // The directory whose tokens easy-auth.bicep admits.
  MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY: tenant().tenantId
  MULTI_OUTBOX_SCHEDULE: '*/${planIntervalSeconds} * * * * *'
  // The interval of the schedule above, by which the app notices a late plan.
  MULTI_OUTBOX_PLAN_INTERVAL: '${planIntervalSeconds}s'
  // 1/256 of the memory. Each of the 24 runs of an instance (host.json) has at most two batches in memory.
  MULTI_OUTBOX_BATCH_BYTES: string(instanceMemoryMB * 4096)
}

var secrets = toObject(
  items(keyVaultSettings),
  setting => setting.key,
  setting => '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=${setting.value})'
)

// An empty setting counts as absent.
var givenBodyBytes = appSettings.?MULTI_OUTBOX_MAX_BODY_BYTES ?? ''

// Settings of the Functions host and the Azure libraries. The settings above cannot override them.
var platform = {
  // The host would make the addresses of Azure's public cloud from an account's name, so it gets the URIs
  // (https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity).
  AzureWebJobsStorage__blobServiceUri: storage.blob
  AzureWebJobsStorage__queueServiceUri: storage.queue
  AzureWebJobsStorage__tableServiceUri: storage.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // The host exports if it finds a connection string; it does not know the app's own. An empty value counts as absent.
  APPLICATIONINSIGHTS_CONNECTION_STRING: hostTelemetry ? applicationInsightsConnectionString : ''
  APP_APPLICATIONINSIGHTS_CONNECTION_STRING: hostTelemetry ? '' : applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  // The host reads a request into memory before the app sees it, up to 100 MB unless this says less. It answers a longer body with
  // a bare 500, so it must accept bodies that the app refuses with 413.
  // https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(10 * int(empty(givenBodyBytes)
    ? defaults.MULTI_OUTBOX_MAX_BODY_BYTES
    : givenBodyBytes))
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(defaults, deployed, appSettings, secrets, platform)
}
