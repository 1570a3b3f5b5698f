#!/usr/bin/env pwsh
# Lets the app's identity into one database: makes its user there and puts it into the role that it needs. May be run again.
# Signed in as an administrator of the SQL server (az login). As a process of its own: pwsh infra/scripts/grant-identity.ps1 …
param([string] $Server, [string] $Database, [string] $Schema = 'messaging')
$ErrorActionPreference = 'Stop'

if (-not $Server -or -not $Database -or $args.Count -gt 0) {
  [Console]::Error.WriteLine("Usage: $($MyInvocation.MyCommand.Name) SERVER DATABASE [SCHEMA]    (schema: messaging)")
  exit 2
}

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

sqlcmd -S $Server -d $Database --authentication-method ActiveDirectoryDefault -b `
  -i infra/scripts/identity-user.sql `
  -v "UserName=$env:AZURE_IDENTITY_NAME" "ClientId=$env:AZURE_IDENTITY_CLIENT_ID" "Schema=$Schema"
if ($LASTEXITCODE -ne 0) { exit 1 }
"$env:AZURE_IDENTITY_NAME may work in $Database on $Server."
exit 0
