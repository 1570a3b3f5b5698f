// Platform logs of the resources, kept in the workspace beside the app's own telemetry.

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Name of the SQL server.')
param sqlServerName string

@description('Name of the registry database.')
param registryDatabaseName string

@description('Name of the key vault.')
param keyVaultName string

@description('True audits all databases of the SQL server.')
param auditSql bool

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

// Only logs. Metrics of the platform are in Azure Monitor for 93 days without charge, and nothing here reads them from the
// workspace, which bills every row (https://learn.microsoft.com/azure/azure-monitor/metrics/data-platform-metrics).
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
