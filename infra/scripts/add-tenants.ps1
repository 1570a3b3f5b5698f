#!/usr/bin/env pwsh
# For a file of tenants whose first columns are id,server,database: registers them, brings their databases to this program's
# schema, and lets the app's identity in. A failure does not stop the others and is told at the end; may be run again. Other
# columns are those of `tenants import`. Signed in as an administrator of the SQL servers (az login). As a process of its own:
# pwsh infra/scripts/add-tenants.ps1 FILE.csv
param([string] $File)
$ErrorActionPreference = 'Stop'

if (-not $File -or $args.Count -gt 0 -or -not (Test-Path $File -PathType Leaf) -or
  (Get-Content $File -TotalCount 1) -notmatch '^id,server,database') {
  [Console]::Error.WriteLine("Usage: $($MyInvocation.MyCommand.Name) FILE.csv    whose first line is: id,server,database")
  exit 2
}
$File = (Resolve-Path $File).Path

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

$status = 0
# Quoted: npm is a script on Windows, and PowerShell keeps a plain -- from scripts.
npm run --silent cli '--' tenants import $File --update --migrate
if ($LASTEXITCODE -ne 0) { $status = 1 }

$failed = @()
foreach ($tenant in (Import-Csv $File | Where-Object id)) {
  & (Join-Path $PSScriptRoot 'grant-identity.ps1') $tenant.server $tenant.database
  if ($LASTEXITCODE -ne 0) { $failed += $tenant.id }
}

if ($failed.Count -gt 0) {
  [Console]::Error.WriteLine("The app's identity could not be let in for $($failed.Count): $($failed -join ' ').")
  $status = 1
}
exit $status
