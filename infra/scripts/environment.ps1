# The other scripts dot-source this file, in the top folder of a clone or of the installed package. It reads the deployment's
# outputs from the environment, or else from azd. `exit` ends only this file; the calling script then checks $LASTEXITCODE.

# The command line: a clone builds it first, the package brings it. '--' is quoted because npm is a script on Windows, and
# PowerShell does not pass a plain -- to scripts.
function Invoke-MultiOutbox {
  if (Test-Path esbuild.mjs) { npm run --silent cli '--' @args } else { node dist/cli.js @args }
}

if (-not $env:AZURE_IDENTITY_NAME -and (Get-Command azd -ErrorAction Ignore)) {
  foreach ($line in (azd env get-values)) {
    if ($line -match '^(\w+)="(.*)"$') {
      [Environment]::SetEnvironmentVariable($Matches[1], ($Matches[2] -replace '\\(.)', '$1'))
    }
  }
}

foreach ($variable in 'MULTI_OUTBOX_REGISTRY', 'AZURE_SQL_SERVER_ADDRESS', 'AZURE_SQL_REGISTRY_DATABASE',
  'AZURE_IDENTITY_NAME', 'AZURE_IDENTITY_CLIENT_ID') {
  if (-not [Environment]::GetEnvironmentVariable($variable)) {
    [Console]::Error.WriteLine("$variable is not set. Deploy first (azd provision), or set the deployment's outputs as environment variables.")
    exit 2
  }
}
exit 0
