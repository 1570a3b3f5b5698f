// Secrets that app settings refer to: connection strings of tenants that cannot use the identity, the SMTP URL, the
// webhook secret. The app may read secrets and an operator may write them; no other rights are granted.

import { stringMap } from 'types.bicep'

@description('Name of the vault: 3 to 24 letters, digits and dashes, unique in Azure.')
param name string

@description('Azure region.')
param location string

@description('Tags of the vault.')
param tags stringMap

@description('False when only private endpoints may reach the vault.')
param publicNetworkAccess bool

@description('True keeps a deleted vault until its retention of 90 days ends: nobody can purge it, and its name stays reserved.')
param purgeProtection bool

@description('Object id of the app\'s identity, which reads secrets.')
param readerPrincipalId string

@description('Object id of the operator, who may write secrets; empty for none.')
param operatorPrincipalId string

@description('Kind of the operator: User, Group or ServicePrincipal.')
param operatorPrincipalType string

// Built-in roles of Azure: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var roles = {
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Azure does not accept false (https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults#vaultproperties).
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      defaultAction: publicNetworkAccess ? 'Allow' : 'Deny'
      bypass: 'None'
    }
  }
}

resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, readerPrincipalId, roles.keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource operatorWritesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(vault.id, operatorPrincipalId, roles.keyVaultSecretsOfficer)
  scope: vault
  properties: {
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}

output id string = vault.id
output name string = vault.name
