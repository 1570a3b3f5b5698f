// Shows the fleet on one page. The page reads only the app's telemetry, so viewing it wakes no tenant's database.

import { stringMap } from 'types.bicep'

@description('Azure region; the workspace\'s.')
param location string

@description('Tags of the workbook.')
param tags stringMap

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Name shown in the gallery.')
param displayName string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // A workbook's name is a GUID. This one is derived from the workspace, so every deployment gives the same name.
  name: guid(workspaceId, 'multi-outbox-fleet')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    serializedData: replace(loadTextContent('../workbook/fleet.json'), '{workspaceId}', workspaceId)
  }
}

output id string = workbook.id
