#!/usr/bin/env bash
# For each line id,server,database of a file: registers the tenant, brings its database to this program's schema and lets the
# app's identity in. Goes on after a failure and tells at the end; may be run again. A first line that begins with 'id,' is a
# heading. Signed in as an administrator of the SQL servers (az login).
set -euo pipefail

if [ $# -ne 1 ] || [ ! -r "$1" ]; then
  echo "Usage: $0 FILE.csv    with lines: id,server,database" >&2
  exit 2
fi
file=$(realpath "$1")

cd "$(dirname "$0")/../.."
source infra/scripts/environment.sh

add_tenant() {
  local id=$1 server=$2 database=$3
  if npm run --silent cli -- tenants show "$id" >/dev/null 2>&1 </dev/null; then
    npm run --silent cli -- migrate --tenant "$id" </dev/null || return 1
  else
    npm run --silent cli -- tenants add "$id" --server "$server" --database "$database" --migrate </dev/null || return 1
  fi
  infra/scripts/grant-identity.sh "$server" "$database" </dev/null
}

failed=()
done_count=0
while IFS=, read -r id server database || [ -n "${id:-}" ]; do
  database=${database%$'\r'}
  if [ -z "$id" ] || [ "$id" = id ]; then continue; fi
  if add_tenant "$id" "$server" "$database"; then
    done_count=$((done_count + 1))
  else
    failed+=("$id")
  fi
done <"$file"

echo "$done_count tenants ready, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}."
[ ${#failed[@]} -eq 0 ]
