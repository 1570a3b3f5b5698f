// The function app's only identity, used for host storage, deployment package, telemetry, secrets and SQL. It is
// user-assigned, so that its client id is known before the app exists and does not change when the app is recreated.

import { stringMap } from 'types.bicep'

@description('Name of the user-assigned identity; also the name of its user in the databases.')
param name string

@description('Azure region.')
param location string

@description('Tags of the identity.')
param tags stringMap

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output name string = identity.name
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
