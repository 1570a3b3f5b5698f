#!/usr/bin/env pwsh
# Run this after a deployment: it migrates the registry to this program's schema version and gives the app's identity access to
# it. You can run it again. First sign in as an administrator of the SQL server (az login). Run it in its own process:
# pwsh infra/scripts/prepare-registry.ps1
$ErrorActionPreference = 'Stop'

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

Invoke-MultiOutbox migrate --registry-only
if ($LASTEXITCODE -ne 0) { exit 1 }
& (Join-Path $PSScriptRoot 'grant-identity.ps1') $env:AZURE_SQL_SERVER_ADDRESS $env:AZURE_SQL_REGISTRY_DATABASE
exit $LASTEXITCODE
