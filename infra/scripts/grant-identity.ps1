#!/usr/bin/env pwsh
# Gives the app's identity access to one database: creates its user and adds the user to the role. You can run it again. First
# sign in as an administrator of the SQL server (az login). Run it in its own process: pwsh infra/scripts/grant-identity.ps1 …
param([string] $Server, [string] $Database, [string] $Schema = 'messaging')
$ErrorActionPreference = 'Stop'

if (-not $Server -or -not $Database -or $args.Count -gt 0) {
  [Console]::Error.WriteLine("Usage: $($MyInvocation.MyCommand.Name) SERVER DATABASE [SCHEMA]    (default schema: messaging)")
  exit 2
}

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

sqlcmd -S $Server -d $Database --authentication-method ActiveDirectoryDefault -b `
  -i infra/scripts/identity-user.sql `
  -v "UserName=$env:AZURE_IDENTITY_NAME" "ClientId=$env:AZURE_IDENTITY_CLIENT_ID" "Schema=$Schema"
if ($LASTEXITCODE -ne 0) { exit 1 }
"$env:AZURE_IDENTITY_NAME now has access to $Database on $Server."
exit 0
