/**
 * Which servers a token may be sent to. A token opens every database that the identity has a user in: a row of the
 * registry that named a foreign server would hand it over.
 */
import { MultiOutboxError } from '../../errors.ts';

/** The clouds' own domains, where nobody but their operator can run a server. */
export const cloudServers: readonly string[] = [
  '*.database.windows.net',
  '*.database.fabric.microsoft.com',
  '*.database.usgovcloudapi.net',
  '*.database.chinacloudapi.cn',
];

/** `*` stands for any characters but a comma; everything else for itself, whatever the case. */
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
    `${whose}: no token is sent to the server '${host}', which matches none of the allowed servers; allow it, or use a connection string in an app setting`,
    tenantId === undefined ? {} : { tenantId },
  );
}
