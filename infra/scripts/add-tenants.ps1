#!/usr/bin/env pwsh
# Registers the tenants of a CSV file, migrates their databases to this program's schema version, and gives the app's identity
# access to them. The file's first columns must be id,server,database; the others are those of `tenants import`. A failure does
# not stop the other tenants and is reported at the end. You can run the script again. First sign in as an administrator of
# the SQL servers (az login). Run it in its own process: pwsh infra/scripts/add-tenants.ps1 FILE.csv
param([string] $File)
$ErrorActionPreference = 'Stop'

if (-not $File -or $args.Count -gt 0 -or -not (Test-Path $File -PathType Leaf) -or
  (Get-Content $File -TotalCount 1) -notmatch '^id,server,database') {
  [Console]::Error.WriteLine("Usage: $($MyInvocation.MyCommand.Name) FILE.csv    (its first line must start with: id,server,database)")
  exit 2
}
$File = (Resolve-Path $File).Path

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

$status = 0
# '--' is quoted because npm is a script on Windows, and PowerShell does not pass a plain -- to scripts.
npm run --silent cli '--' tenants import $File --update --migrate
if ($LASTEXITCODE -ne 0) { $status = 1 }

$failed = @()
foreach ($tenant in (Import-Csv $File | Where-Object id)) {
  & (Join-Path $PSScriptRoot 'grant-identity.ps1') $tenant.server $tenant.database
  if ($LASTEXITCODE -ne 0) { $failed += $tenant.id }
}

if ($failed.Count -gt 0) {
  [Console]::Error.WriteLine("The app's identity did not get access to $($failed.Count) databases, of the tenants: $($failed -join ' '). Correct the errors above and run the script again.")
  $status = 1
}
exit $status
