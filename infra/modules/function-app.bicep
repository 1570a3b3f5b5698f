// The Flex Consumption plan and the app on it. settings.bicep has the app settings.

import { alwaysReadyInstances, stringMap } from 'types.bicep'

@description('Name of the app, unique in Azure; the plan is named after it.')
param name string

@description('Azure region.')
param location string

@description('Tags of plan and app.')
param tags stringMap

@description('Service name in azure.yaml, by which azd finds the app.')
param serviceName string

@description('Resource id of the app\'s identity.')
param identityId string

@description('URL of the blob container that holds the deployment package.')
param deploymentContainerUrl string

@description('Node.js version.')
@allowed(['22', '24'])
param nodeVersion string

@description('Most instances on demand of each function that is scaled by itself; alwaysReady comes on top.')
param maximumInstanceCount int

@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('HTTP requests that an instance works on at the same time; the plan starts another instance for more.')
param httpConcurrency int

@description('Instances that are always kept running.')
param alwaysReady alwaysReadyInstances[]

@description('Spread instances over availability zones.')
param zoneRedundant bool

@description('False refuses calls from the internet to the HTTP functions; deployments with an Entra token are accepted.')
param publicHttp bool

@description('Id of the subnet for the app\'s outgoing calls; empty for none.')
param subnetId string

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: publicHttp ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
    functionAppConfig: {
      runtime: {
        name: 'node'
        version: nodeVersion
      }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReady
        // Requests that an instance works on before another one is started. The plan ignores host.json's limits of HTTP
        // (https://github.com/Azure/azure-functions-host/issues/11790).
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
    }
  }
}

// A deployment needs an Entra token; the publishing user name and password are disabled. Azure refuses two changes of a site
// at once with a conflict, so each one waits for the one before: these, then settings.bicep, then easy-auth.bicep.
resource noBasicFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noBasicScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  dependsOn: [noBasicFtp]
  properties: {
    allow: false
  }
}

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
