#!/usr/bin/env pwsh
# After a deployment: brings the registry to this program's schema and lets the app's identity in. May be run again.
# Signed in as an administrator of the SQL server (az login). As a process of its own: pwsh infra/scripts/prepare-registry.ps1
$ErrorActionPreference = 'Stop'

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

# Quoted: npm is a script on Windows, and PowerShell keeps a plain -- from scripts.
npm run --silent cli '--' migrate --registry-only
if ($LASTEXITCODE -ne 0) { exit 1 }
& (Join-Path $PSScriptRoot 'grant-identity.ps1') $env:AZURE_SQL_SERVER_ADDRESS $env:AZURE_SQL_REGISTRY_DATABASE
exit $LASTEXITCODE
