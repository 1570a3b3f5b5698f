/** One credential for all databases (F8): it keeps its token until that expires, and then asks for a new one. */
import type { TokenCredential } from '@azure/identity';
import { optional } from '../../optional-package.ts';

export type CredentialFactory = () => TokenCredential | Promise<TokenCredential>;

/** Managed identity in Azure, the developer's own sign-in elsewhere; loaded when the first token is needed. */
async function defaultCredential(): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await optional(
    ['mssql', '@azure/identity'],
    () => import('@azure/identity'),
  );
  return new DefaultAzureCredential();
}

export function sharedCredential(
  make: CredentialFactory = defaultCredential,
): () => Promise<TokenCredential> {
  let shared: Promise<TokenCredential> | undefined;
  return () => {
    shared ??= Promise.resolve()
      .then(make)
      .catch((error: unknown) => {
        // Do not keep a failure: the identity may be available at the next call.
        shared = undefined;
        throw error;
      });
    return shared;
  };
}
