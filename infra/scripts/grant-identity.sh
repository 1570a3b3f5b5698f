#!/usr/bin/env bash
# Lets the app's identity into one database: makes its user there and puts it into the role that it needs. May be run again.
# Signed in as an administrator of the SQL server (az login).
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "Usage: $0 SERVER DATABASE [SCHEMA]    (schema: messaging)" >&2
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
echo "$AZURE_IDENTITY_NAME may work in $database on $server."
