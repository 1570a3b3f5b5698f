// Types of parameters that several modules share. A value of another shape fails when the parameter file is compiled.

@export()
@description('Values by name, such as tags or app settings.')
type stringMap = {
  @description('Value of the name.')
  *: string
}

@export()
@description('Instances that are always kept running, for one function or for all HTTP functions.')
type alwaysReadyInstances = {
  @description('The HTTP functions, or a function that is scaled by itself. A function of your own needs its name here.')
  name:
    | 'http'
    | 'function:plan'
    | 'function:pages'
    | 'function:dispatch'
    | 'function:wake-queue'
    | 'function:poison'
    | 'function:pages-poison'
    | 'function:wake-poison'

  @description('How many instances.')
  @minValue(1)
  @maxValue(1000)
  instanceCount: int
}

@export()
@description('Addresses that the SQL firewall allows.')
type addressRange = {
  @description('Name of the firewall rule.')
  @minLength(1)
  @maxLength(128)
  name: string

  @description('First address, IPv4.')
  start: string

  @description('Last address, IPv4.')
  end: string
}

@export()
@description('Service URIs of the storage account. They differ from cloud to cloud.')
type storageUris = {
  @description('Blob service.')
  blob: string

  @description('Queue service.')
  queue: string

  @description('Table service.')
  table: string
}
