// DNS zones for the names of the private endpoints, resolved inside the virtual network.

import { stringMap } from 'types.bicep'

@description('Names of the zones, such as privatelink.database.windows.net.')
param zoneNames string[]

@description('Id of the virtual network that resolves them.')
param networkId string

@description('Tags of the zones.')
param tags stringMap

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zoneName in zoneNames: {
    name: zoneName
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for index in range(0, length(zoneNames)): {
    parent: zones[index]
    name: 'app'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
]
