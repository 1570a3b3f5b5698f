#!/usr/bin/env bash
# Registers the tenants of a CSV file, migrates their databases to this program's schema version, and gives the app's identity
# access to them. The columns of the file are those of `tenants import`; id and server are required. A failure does not stop the
# other tenants and is reported at the end. You can run the script again. First sign in as an administrator of the SQL servers
# (az login).
set -euo pipefail

if [ $# -ne 1 ] || [ ! -r "$1" ]; then
  echo "Usage: $0 FILE.csv    (its first line names the columns: id, server, database, …)" >&2
  exit 2
fi
file=$(realpath "$1")

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh
databases=$(node infra/scripts/tenant-databases.mjs "$file")

status=0
multi_outbox tenants import "$file" --update --migrate </dev/null || status=1

failed=()
while IFS=$'\t' read -r id server database schema; do
  if [ -z "$id" ]; then continue; fi
  infra/scripts/grant-identity.sh "$server" "$database" "$schema" </dev/null || failed+=("$id")
done <<<"$databases"

if [ ${#failed[@]} -gt 0 ]; then
  echo "The app's identity did not get access to ${#failed[@]} databases, of the tenants: ${failed[*]}. Correct the errors above and run the script again." >&2
  status=1
fi
exit $status
