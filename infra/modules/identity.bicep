// The one identity of the function app: host storage, deployment package, telemetry, secrets and SQL all know it.
// User-assigned, so that its client id is known before the app exists and survives the app.

@description('Name of the user-assigned identity; also the name of its user in the databases.')
param name string

@description('Azure region.')
param location string

@description('Tags of the identity.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output name string = identity.name
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
