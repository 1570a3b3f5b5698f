#!/usr/bin/env bash
# After a deployment: brings the registry to this program's schema and lets the app's identity in. May be run again.
# Signed in as an administrator of the SQL server (az login).
set -euo pipefail

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh

npm run --silent cli -- migrate --registry-only
infra/scripts/grant-identity.sh "$AZURE_SQL_SERVER_ADDRESS" "$AZURE_SQL_REGISTRY_DATABASE"
