#!/usr/bin/env pwsh
# Registers the tenants of a CSV file, migrates their databases to this program's schema version, and gives the app's identity
# access to them. The columns of the file are those of `tenants import`; id and server are required. A failure does not stop the
# other tenants and is reported at the end. You can run the script again. First sign in as an administrator of the SQL servers
# (az login). Run it in its own process: pwsh infra/scripts/add-tenants.ps1 FILE.csv
param([string] $File)
$ErrorActionPreference = 'Stop'

if (-not $File -or $args.Count -gt 0 -or -not (Test-Path $File -PathType Leaf)) {
  [Console]::Error.WriteLine("Usage: $($MyInvocation.MyCommand.Name) FILE.csv    (its first line names the columns: id, server, database, …)")
  exit 2
}
$File = (Resolve-Path $File).Path

Set-Location (Join-Path $PSScriptRoot '../..')
. (Join-Path $PSScriptRoot 'environment.ps1')
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
[Console]::OutputEncoding = [Text.UTF8Encoding]::new()
$databases = @(node infra/scripts/tenant-databases.mjs $File)
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

$status = 0
Invoke-MultiOutbox tenants import $File --update --migrate
if ($LASTEXITCODE -ne 0) { $status = 1 }

$failed = @()
foreach ($line in $databases) {
  $id, $server, $database, $schema = $line -split "`t"
  & (Join-Path $PSScriptRoot 'grant-identity.ps1') $server $database $schema
  if ($LASTEXITCODE -ne 0) { $failed += $id }
}

if ($failed.Count -gt 0) {
  [Console]::Error.WriteLine("The app's identity did not get access to $($failed.Count) databases, of the tenants: $($failed -join ' '). Correct the errors above and run the script again.")
  $status = 1
}
exit $status
