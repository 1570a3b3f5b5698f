/**
 * The servers that may receive a token. A token opens every database in which the identity has a user, so a registry
 * row with a foreign server would give the token away.
 */
import { MultiOutboxError } from '../../errors.ts';

/** The clouds' own domains, where only the cloud's operator can run a server. */
export const cloudServers: readonly string[] = [
  '*.database.windows.net',
  '*.database.fabric.microsoft.com',
  '*.database.usgovcloudapi.net',
  '*.database.chinacloudapi.cn',
];

/** `*` matches any characters except a comma. Compares case-insensitively. */
export function matchesServer(host: string, pattern: string): boolean {
  const expression = pattern
    .trim()
    .split('*')
    .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'))
    .join('[^,]*');
  return new RegExp(`^${expression}$`, 'i').test(host);
}

/** @throws INVALID_TENANT, or INVALID_CONFIGURATION for the registry */
export function assertServerAllowed(
  host: string,
  patterns: readonly string[],
  tenantId: string | undefined,
): void {
  if (patterns.some((pattern) => matchesServer(host, pattern))) return;
  const whose = tenantId === undefined ? 'the registry' : `tenant '${tenantId}'`;
  throw new MultiOutboxError(
    tenantId === undefined ? 'INVALID_CONFIGURATION' : 'INVALID_TENANT',
    `${whose}: no token is sent to the server '${host}', because MULTI_OUTBOX_SQL_ALLOWED_SERVERS does not allow it; add the server there, or use a connection string in an app setting`,
    tenantId === undefined ? {} : { tenantId },
  );
}
