/**
 * The servers that may receive a token. A token opens every database in which the identity has a user, so a registry
 * row with a foreign server would give the token away.
 */
import { MultiOutboxError, shownValue } from '../../errors.ts';
import { canonicalHost } from './server-name.ts';

/** The clouds' own domains, where only the cloud's operator can run a server. */
export const cloudServers: readonly string[] = [
  '*.database.windows.net',
  '*.database.fabric.microsoft.com',
  '*.database.usgovcloudapi.net',
  '*.database.chinacloudapi.cn',
];

/**
 * Reads a pattern: the host of a server, where `*` stands for any characters, dots included. The last label has no `*`,
 * unless the pattern is `*`: `10.0.*` and `sql-*` would also allow `10.0.evil.example` and `sql-1.evil.example`.
 * @returns the pattern in the form of canonical hosts
 * @throws INVALID_CONFIGURATION
 */
export function serverPattern(text: string): string {
  const given = text.trim();
  const isWildcard = /^[\w*-]+(?:\.[\w*-]+)*$/.test(given) && given.includes('*');
  const pattern = isWildcard ? given.toLowerCase() : canonicalHost(given);
  if (pattern !== null && pattern !== '*' && pattern.slice(pattern.lastIndexOf('.') + 1).includes('*')) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `MULTI_OUTBOX_SQL_ALLOWED_SERVERS has ${shownValue(text)}, whose last part has a '*', so it would also allow servers of foreign domains; end it with a domain of your own, such as 'sql-*.example.com', or list the servers`,
    );
  }
  if (pattern !== null) return pattern;
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `MULTI_OUTBOX_SQL_ALLOWED_SERVERS has ${shownValue(text)}, which is not the host of a server; write hosts without protocol, instance and port, such as sql.example.com or '*.database.windows.net'`,
  );
}

/** Whether a canonical host fits a pattern of `serverPattern`. It looks at each character of the host once. */
export function matchesServer(host: string, pattern: string): boolean {
  const [first = '', ...parts] = pattern.split('*');
  const last = parts.pop();
  if (last === undefined) return host === first;
  const end = host.length - last.length;
  if (!host.startsWith(first) || !host.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts) {
    const found = host.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= end;
}

export function isServerAllowed(host: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesServer(host, pattern));
}

/** @throws INVALID_TENANT, or INVALID_CONFIGURATION for the registry */
export function assertServerAllowed(
  host: string,
  patterns: readonly string[],
  tenantId: string | undefined,
): void {
  if (isServerAllowed(host, patterns)) return;
  const whose = tenantId === undefined ? 'the registry' : `tenant '${tenantId}'`;
  throw new MultiOutboxError(
    tenantId === undefined ? 'INVALID_CONFIGURATION' : 'INVALID_TENANT',
    `${whose}: no token is sent to the server '${host}', because MULTI_OUTBOX_SQL_ALLOWED_SERVERS does not allow it; add the server there, or use a connection string in an app setting`,
    tenantId === undefined ? {} : { tenantId },
  );
}
