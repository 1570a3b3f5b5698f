# The other scripts source this file, in the top folder of a clone or of the installed package. It reads the deployment's outputs
# from the environment, or else from azd.

# The command line: a clone builds it first, the package brings it.
multi_outbox() {
  if [ -e esbuild.mjs ]; then npm run --silent cli -- "$@"; else node dist/cli.js "$@"; fi
}

: "${AZURE_IDENTITY_NAME:=}"
if [ -z "$AZURE_IDENTITY_NAME" ] && command -v azd >/dev/null; then
  eval "$(azd env get-values)"
fi

for variable in MULTI_OUTBOX_REGISTRY AZURE_SQL_SERVER_ADDRESS AZURE_SQL_REGISTRY_DATABASE AZURE_IDENTITY_NAME AZURE_IDENTITY_CLIENT_ID; do
  if [ -z "${!variable:-}" ]; then
    echo "$variable is not set. Deploy first (azd provision), or export the deployment's outputs as environment variables." >&2
    exit 2
  fi
done
export MULTI_OUTBOX_REGISTRY
