#!/usr/bin/env bash
# Gives the app's identity access to one database: creates its user and adds the user to the role. You can run it again. First
# sign in as an administrator of the SQL server (az login).
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "Usage: $0 SERVER DATABASE [SCHEMA]    (default schema: messaging)" >&2
  exit 2
fi
server=$1
database=$2
schema=${3:-messaging}

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh

sqlcmd -S "$server" -d "$database" --authentication-method ActiveDirectoryDefault -b \
  -i infra/scripts/identity-user.sql \
  -v UserName="$AZURE_IDENTITY_NAME" ClientId="$AZURE_IDENTITY_CLIENT_ID" Schema="$schema"
echo "$AZURE_IDENTITY_NAME now has access to $database on $server."
