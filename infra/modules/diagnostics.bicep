// Platform logs and metrics of the resources, kept in the workspace beside the app's own telemetry.

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Name of the function app.')
param functionAppName string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the SQL server.')
param sqlServerName string

@description('Name of the registry database.')
param registryDatabaseName string

@description('Name of the key vault.')
param keyVaultName string

@description('True audits all databases of the SQL server.')
param auditSql bool

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource sqlServer 'Microsoft.Sql/servers@2025-01-01' existing = {
  name: sqlServerName

  resource registry 'databases' existing = {
    name: registryDatabaseName
  }

  resource master 'databases' existing = {
    name: 'master'
  }
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

var allMetrics = [
  {
    category: 'AllMetrics'
    enabled: true
  }
]

// The app's logs reach the workspace through Application Insights, so this adds only the platform's metrics.
#disable-next-line use-recent-api-versions // the rule asks for 2016-09-01, which is older
resource appDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: allMetrics
  }
}

// Only metrics: triggers poll the queues, and a log of reads would have a line for every poll.
#disable-next-line use-recent-api-versions // the rule asks for 2016-09-01, which is older
resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: storage::queues
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

#disable-next-line use-recent-api-versions // the rule asks for 2016-09-01, which is older
resource registryDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: sqlServer::registry
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in ['Errors', 'Timeouts', 'Blocks', 'Deadlocks']: {
        category: category
        enabled: true
      }
    ]
    metrics: [
      for category in ['Basic', 'InstanceAndAppAdvanced', 'WorkloadManagement']: {
        category: category
        enabled: true
      }
    ]
  }
}

// Records every read and change of a secret.
#disable-next-line use-recent-api-versions // the rule asks for 2016-09-01, which is older
resource vaultDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
    metrics: allMetrics
  }
}

// The default of Azure would also record every batch of statements, which the app sends all day.
resource audit 'Microsoft.Sql/servers/auditingSettings@2025-01-01' = if (auditSql) {
  parent: sqlServer
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    auditActionsAndGroups: [
      'SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP'
      'FAILED_DATABASE_AUTHENTICATION_GROUP'
      'DATABASE_PRINCIPAL_CHANGE_GROUP'
      'DATABASE_ROLE_MEMBER_CHANGE_GROUP'
      'DATABASE_PERMISSION_CHANGE_GROUP'
      'SCHEMA_OBJECT_PERMISSION_CHANGE_GROUP'
      'SCHEMA_OBJECT_CHANGE_GROUP'
    ]
  }
}

// The audit of a server reaches a workspace through the diagnostic settings of master
// (https://learn.microsoft.com/azure/azure-sql/database/auditing-setup).
#disable-next-line use-recent-api-versions // the rule asks for 2016-09-01, which is older
resource auditLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (auditSql) {
  name: 'audit'
  scope: sqlServer::master
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'SQLSecurityAuditEvents'
        enabled: true
      }
    ]
  }
}
