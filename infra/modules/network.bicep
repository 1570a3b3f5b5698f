// The app's virtual network: one subnet for the app's outgoing calls, one for the private endpoints.

import { stringMap } from 'types.bicep'

@description('Name of the virtual network; the NAT gateway and its address are named after it.')
param name string

@description('Azure region.')
param location string

@description('Tags of everything here.')
param tags stringMap

@description('Address space, at least a /25: two subnets of /26.')
param addressPrefix string

// Handlers send mails and call webhooks, but a subnet cannot reach the internet without a gateway. The gateway also gives
// every call one known source address, which customers can allow in their firewalls.
resource outboundAddress 'Microsoft.Network/publicIPAddresses@2025-09-01' = {
  name: '${name}-outbound'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource natGateway 'Microsoft.Network/natGateways@2025-09-01' = {
  name: '${name}-nat'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: outboundAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        // Flex Consumption refuses subnet names with an underscore and requires this delegation.
        name: 'functions'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          defaultOutboundAccess: false
          natGateway: {
            id: natGateway.id
          }
          delegations: [
            {
              name: 'functions'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'private-endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          defaultOutboundAccess: false
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

output id string = network.id
output functionsSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'functions')
output endpointsSubnetId string = resourceId(
  'Microsoft.Network/virtualNetworks/subnets',
  network.name,
  'private-endpoints'
)
output outboundAddress string = outboundAddress.properties.ipAddress
