// The app's storage account: host state, the deployment package and the queues. Access keys are disabled.

import { storageUris, stringMap } from 'types.bicep'

@description('Name of the storage account: 3 to 24 lower case letters and digits.')
param name string

@description('Azure region.')
param location string

@description('Tags of the account.')
param tags stringMap

@description('Redundancy, such as Standard_LRS or Standard_ZRS.')
param skuName string

@description('False when only private endpoints may reach the account.')
param publicNetworkAccess bool

@description('Names of the queues. Each also gets a poison queue, <name>-poison.')
param queueNames string[]

@description('Name of the blob container that holds the deployment package.')
param deploymentContainerName string

// The host would create a missing poison queue only at the first poisoned message. This module creates them all, so that every
// queue that people and alerts read exists from the start.
var allQueueNames = concat(queueNames, map(queueNames, queueName => '${queueName}-poison'))

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    allowSharedKeyAccess: false
    isLocalUserEnabled: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      defaultAction: publicNetworkAccess ? 'Allow' : 'Deny'
      bypass: 'None'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: account
  name: 'default'
}

resource deploymentContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = {
  parent: blobService
  name: deploymentContainerName
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' = [
  for queueName in allQueueNames: {
    parent: queueService
    name: queueName
  }
]

output id string = account.id
output name string = account.name
output uris storageUris = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${deploymentContainer.name}'
