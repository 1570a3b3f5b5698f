#!/usr/bin/env bash
# Run this after a deployment: it migrates the registry to this program's schema version and gives the app's identity access to
# it. You can run it again. First sign in as an administrator of the SQL server (az login).
set -euo pipefail

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh

multi_outbox migrate --registry-only
infra/scripts/grant-identity.sh "$AZURE_SQL_SERVER_ADDRESS" "$AZURE_SQL_REGISTRY_DATABASE"
