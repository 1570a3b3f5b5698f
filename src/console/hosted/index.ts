/** Who may use the console of a hosted app, which strangers can reach: whoever Entra ID or a key lets in. */
export { entraAccess } from './entra-access.ts';
export { KeyAccess, type KeyAccessOptions } from './key-access.ts';
