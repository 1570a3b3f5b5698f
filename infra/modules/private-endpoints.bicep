// Private endpoints, each registered in its DNS zone. The zones exist already (private-dns.bicep).

import { privateEndpoint, stringMap } from 'types.bicep'

@description('The endpoints to create.')
param endpoints privateEndpoint[]

@description('Azure region.')
param location string

@description('Tags of the endpoints.')
param tags stringMap

@description('Id of the subnet that holds them.')
param subnetId string

// One after another: a storage account takes one new endpoint at a time, and refuses others with
// StorageAccountOperationInProgress (https://github.com/Azure/bicep-registry-modules/issues/6001).
@batchSize(1)
resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-09-01' = [
  for endpoint in endpoints: {
    name: endpoint.name
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            privateLinkServiceId: endpoint.resourceId
            groupIds: [endpoint.groupId]
          }
        }
      ]
    }
  }
]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = [
  for index in range(0, length(endpoints)): {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoints[index].groupId
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', endpoints[index].zoneName)
          }
        }
      ]
    }
  }
]
