// App Service authentication in front of the HTTP functions: it admits only the listed applications, with a token of this
// directory for the given application. The functions still require their keys.
//
// The issuer is that of tokens of version 2, whose audience is the client id. An application gets such tokens only if its
// registration has requestedAccessTokenVersion 2; others name another issuer and are refused with 401
// (https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats). Without a list of applications every one
// of the directory could get a token
// (https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-built-in-authorization-policy).

@description('Name of the function app.')
param functionAppName string

@description('Client id of the application registered in Entra ID for the HTTP functions.')
param clientId string

@description('Client ids of the applications and managed identities that may call the HTTP functions; others get 403.')
@minLength(1)
param allowedClientIds string[]

@description('Paths that need no token, such as a load balancer\'s probe.')
param excludedPaths string[]

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource authentication 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: excludedPaths
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [clientId]
          defaultAuthorizationPolicy: {
            allowedApplications: allowedClientIds
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
