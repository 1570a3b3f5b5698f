// The logical SQL server and the registry database. Only Entra identities can log in; SQL logins are disabled.
// Tenant databases may be on this server or on any other.

import { addressRange, stringMap } from 'types.bicep'

@description('Name of the server, unique in Azure.')
param serverName string

@description('Name of the registry database.')
param databaseName string

@description('Azure region.')
param location string

@description('Tags of server and database.')
param tags stringMap

@description('Display name of the Entra administrator. Azure takes the administrator only when it creates the server.')
param administratorLogin string

@description('Object id of the Entra administrator.')
param administratorObjectId string

@description('Kind of the Entra administrator.')
@allowed(['User', 'Group', 'Application'])
param administratorType string

@description('Service objective of the registry database, such as GP_S_Gen5_1 (serverless, at most one vCore), GP_Gen5_2 or S0.')
param skuName string

@description('Serverless only: the minimum vCores, such as 0.5; empty for the least that the size allows.')
param minimumCapacity string

@description('Spread the database over availability zones.')
param zoneRedundant bool

@description('Storage redundancy of the backups.')
@allowed(['Local', 'Zone', 'Geo', 'GeoZone'])
param backupRedundancy string

@description('False when only private endpoints may reach the server.')
param publicNetworkAccess bool

@description('True allows every address inside Azure through the firewall. An app without a virtual network needs it.')
param allowAzureServices bool

@description('Further addresses that the firewall allows.')
param allowedAddresses addressRange[]

var serverless = contains(skuName, '_S_')

// Serverless takes an eighth of its vCores as minimum, and at least half a vCore. Bicep counts in integers: eighths of a vCore.
// https://learn.microsoft.com/azure/azure-sql/database/resource-limits-vcore-single-databases
var eighths = serverless ? max(4, int(last(split(skuName, '_')))) : 0
var leastCapacity = '${eighths / 8}.${padLeft(string(eighths % 8 * 125), 3, '0')}'

resource server 'Microsoft.Sql/servers@2025-01-01' = {
  name: serverName
  location: location
  tags: tags
  properties: {
    minimalTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: administratorLogin
      sid: administratorObjectId
      principalType: administratorType
      tenantId: tenant().tenantId
    }
  }
}

resource registry 'Microsoft.Sql/servers/databases@2025-01-01' = {
  parent: server
  name: databaseName
  location: location
  tags: tags
  sku: {
    name: skuName
  }
  properties: {
    // Every plan reads the registry, so it could never pause.
    autoPauseDelay: serverless ? -1 : null
    minCapacity: serverless ? json(empty(minimumCapacity) ? leastCapacity : minimumCapacity) : null
    zoneRedundant: zoneRedundant
    requestedBackupStorageRedundancy: backupRedundancy
  }
}

// 0.0.0.0 means every address inside Azure, including other customers'. Entra authentication then protects the server. The rule
// does not have the portal's name for it, AllowAllWindowsAzureIps: azd warns that a deployment fails at a name with a reserved word
// (https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name).
resource azureServices 'Microsoft.Sql/servers/firewallRules@2025-01-01' = if (publicNetworkAccess && allowAzureServices) {
  parent: server
  name: 'all-azure-addresses'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
}

resource addresses 'Microsoft.Sql/servers/firewallRules@2025-01-01' = [
  for address in (publicNetworkAccess ? allowedAddresses : []): {
    parent: server
    name: address.name
    properties: {
      startIpAddress: address.start
      endIpAddress: address.end
    }
  }
]

output serverId string = server.id
output serverName string = server.name
output databaseName string = registry.name
output fullyQualifiedDomainName string = server.properties.fullyQualifiedDomainName
output registryUrl string = 'mssql://${server.properties.fullyQualifiedDomainName}/${registry.name}'
