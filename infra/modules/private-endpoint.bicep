// One private endpoint, registered in its DNS zone. The zone exists already (private-dns.bicep).

import { stringMap } from 'types.bicep'

@description('Name of the endpoint.')
param name string

@description('Azure region.')
param location string

@description('Tags of the endpoint.')
param tags stringMap

@description('Id of the subnet that holds it.')
param subnetId string

@description('Id of the resource that it leads to.')
param resourceId string

@description('Part of the resource, such as blob.')
param groupId string

@description('DNS zone of its name.')
param zoneName string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' existing = {
  name: zoneName
}

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: resourceId
          groupIds: [groupId]
        }
      }
    ]
  }
}

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: zone.id
        }
      }
    ]
  }
}
