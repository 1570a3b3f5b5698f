// Private access from the app to its services: a network, an endpoint for each service, and their DNS names.

import { stringMap } from 'types.bicep'

@description('Name of the virtual network.')
param networkName string

@description('Azure region.')
param location string

@description('Tags of everything here.')
param tags stringMap

@description('Address space of the network, at least a /25.')
param addressPrefix string

@description('Id of the storage account.')
param storageAccountId string

@description('Id of the SQL server.')
param sqlServerId string

@description('Id of the key vault.')
param keyVaultId string

// The parts of each service that the app uses. Zone names depend on the Azure cloud of the deployment.
var endpoints = [
  {
    name: '${networkName}-blob'
    resourceId: storageAccountId
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    name: '${networkName}-queue'
    resourceId: storageAccountId
    groupId: 'queue'
    zoneName: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    name: '${networkName}-table'
    resourceId: storageAccountId
    groupId: 'table'
    zoneName: 'privatelink.table.${environment().suffixes.storage}'
  }
  {
    name: '${networkName}-sql'
    resourceId: sqlServerId
    groupId: 'sqlServer'
    zoneName: 'privatelink${environment().suffixes.sqlServerHostname}'
  }
  {
    name: '${networkName}-vault'
    resourceId: keyVaultId
    groupId: 'vault'
    zoneName: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  }
]

module network 'network.bicep' = {
  name: 'network'
  params: {
    name: networkName
    location: location
    tags: tags
    addressPrefix: addressPrefix
  }
}

module privateDns 'private-dns.bicep' = {
  name: 'private-dns'
  params: {
    zoneNames: map(endpoints, endpoint => endpoint.zoneName)
    networkId: network.outputs.id
    tags: tags
  }
}

// One after another: a storage account takes one new endpoint at a time, and refuses others with
// StorageAccountOperationInProgress (https://github.com/Azure/bicep-registry-modules/issues/6001).
@batchSize(1)
module privateEndpoints 'private-endpoint.bicep' = [
  for endpoint in endpoints: {
    name: 'private-endpoint-${endpoint.groupId}'
    dependsOn: [privateDns]
    params: {
      name: endpoint.name
      location: location
      tags: tags
      subnetId: network.outputs.endpointsSubnetId
      resourceId: endpoint.resourceId
      groupId: endpoint.groupId
      zoneName: endpoint.zoneName
    }
  }
]

output functionsSubnetId string = network.outputs.functionsSubnetId
output outboundAddress string = network.outputs.outboundAddress
