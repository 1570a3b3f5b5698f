#!/usr/bin/env bash
# For a file of tenants whose first columns are id,server,database: registers them, brings their databases to this program's
# schema, and lets the app's identity in. A failure does not stop the others and is told at the end; may be run again. Other
# columns are those of `tenants import`. Signed in as an administrator of the SQL servers (az login).
set -euo pipefail

if [ $# -ne 1 ] || [ ! -r "$1" ] || ! head -n 1 "$1" | grep -q '^id,server,database'; then
  echo "Usage: $0 FILE.csv    whose first line is: id,server,database" >&2
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
  echo "The app's identity could not be let in for ${#failed[@]}: ${failed[*]}." >&2
  status=1
fi
exit $status
