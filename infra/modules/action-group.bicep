// The receivers of alerts and of budget notices.

import { stringMap } from 'types.bicep'

@description('Name of the action group.')
param name string

@description('Tags of the group.')
param tags stringMap

@description('E-mail addresses.')
param emails string[]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'multioutbox'
    emailReceivers: [
      for email in emails: {
        name: email
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

output id string = group.id
