// The fleet on one page, from the app's telemetry alone: looking at it wakes no tenant's database.

@description('Azure region; the workspace\'s.')
param location string

@description('Tags of the workbook.')
param tags object

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Name shown in the gallery.')
param displayName string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // Workbooks are named by a GUID; one that follows from the workspace is the same at every deployment.
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
