/**
 * One credential for all databases (F8): it keeps its token until that expires, and then asks for a new one. It gives
 * tokens for Azure SQL and for nothing else.
 */
import type { TokenCredential } from '@azure/identity';
import { optional } from '../../optional-package.ts';
import { foreignAudience, TokenWithheld } from './token-errors.ts';

export type CredentialFactory = () => TokenCredential | Promise<TokenCredential>;

/** Managed identity in Azure, the developer's own sign-in elsewhere; loaded when the first token is needed. */
async function defaultCredential(): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await optional(
    ['mssql', '@azure/identity'],
    () => import('@azure/identity'),
  );
  return new DefaultAzureCredential();
}

/** What tokens for Azure SQL are asked with, in each cloud. Fabric has that of the public cloud. */
const sqlScopes: ReadonlySet<string> = new Set([
  'https://database.windows.net/.default',
  'https://database.usgovcloudapi.net/.default',
  'https://database.chinacloudapi.cn/.default',
]);

/**
 * A server tells the driver what its token must be for, and the driver asks the credential for that. A server that asked
 * for a token for a key vault, for example, could open the vault with it.
 */
function forSqlOnly(credential: TokenCredential): TokenCredential {
  return {
    async getToken(scopes, options) {
      const foreign = [scopes].flat().find((scope) => !sqlScopes.has(scope));
      if (foreign !== undefined) throw new TokenWithheld(foreignAudience(foreign));
      return credential.getToken(scopes, options);
    },
  };
}

/** @returns a function that creates the credential at its first call */
export function sharedCredential(
  make: CredentialFactory = defaultCredential,
): () => Promise<TokenCredential> {
  let shared: Promise<TokenCredential> | undefined;
  return () => {
    shared ??= Promise.resolve()
      .then(make)
      .then(forSqlOnly)
      .catch((error: unknown) => {
        // Do not keep a failure: the identity may be available at the next call.
        shared = undefined;
        throw error;
      });
    return shared;
  };
}
