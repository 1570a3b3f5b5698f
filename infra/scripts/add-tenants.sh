#!/usr/bin/env bash
# Registers the tenants of a CSV file, migrates their databases to this program's schema version, and gives the app's identity
# access to them. The file's first columns must be id,server,database; the others are those of `tenants import`. A failure does
# not stop the other tenants and is reported at the end. You can run the script again. First sign in as an administrator of
# the SQL servers (az login).
set -euo pipefail

if [ $# -ne 1 ] || [ ! -r "$1" ] || ! head -n 1 "$1" | grep -q '^id,server,database'; then
  echo "Usage: $0 FILE.csv    (its first line must start with: id,server,database)" >&2
  exit 2
fi
file=$(realpath "$1")

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh

status=0
npm run --silent cli -- tenants import "$file" --update --migrate </dev/null || status=1

failed=()
while IFS=, read -r id server database _ || [ -n "${id:-}" ]; do
  database=${database%$'\r'}
  if [ -z "$id" ]; then continue; fi
  infra/scripts/grant-identity.sh "$server" "$database" </dev/null || failed+=("$id")
done < <(tail -n +2 "$file")

if [ ${#failed[@]} -gt 0 ]; then
  echo "The app's identity did not get access to ${#failed[@]} databases, of the tenants: ${failed[*]}. Correct the errors above and run the script again." >&2
  status=1
fi
exit $status
