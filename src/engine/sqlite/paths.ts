/** The paths of database files, and the canonical path by which two paths are compared. */
import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { MultiOutboxError } from '../../errors.ts';
import type { TenantAddress } from '../engine.ts';

/** The path of a registry in memory, for tenants listed in the configuration. */
export const memoryPath = ':memory:';

/**
 * The absolute path of a tenant's file: `address.database`, relative to the folder of the registry's file, or to
 * the working directory for a registry in memory.
 * @throws INVALID_TENANT
 */
export function tenantFile(registry: string, address: TenantAddress): string {
  const { id, server, database } = address;
  const refuse = (what: string): never => {
    throw new MultiOutboxError('INVALID_TENANT', `tenant '${id}': ${what}`, { tenantId: id });
  };
  if (server !== '') refuse(`'server' is set, but an embedded database has no server; leave it empty`);
  if (database.trim() === '') refuse(`'database' is empty; name the tenant's database file`);
  if (database.startsWith(':') || database.startsWith('file:') || database.includes('\0')) {
    refuse(`'database' must be the path of a file, neither a URI nor ':memory:'`);
  }
  const base = registry === memoryPath ? process.cwd() : dirname(resolve(registry));
  return isAbsolute(database) ? resolve(database) : resolve(base, database);
}

/**
 * The canonical path of a file, with links resolved. Missing parts are appended to the real path of the nearest
 * existing folder.
 */
export function canonicalPath(path: string): string {
  const absolute = resolve(path);
  const missing: string[] = [];
  for (let known = absolute; ; known = dirname(known)) {
    try {
      return join(realpathSync.native(known), ...missing);
    } catch {
      if (dirname(known) === known) return absolute;
      missing.unshift(basename(known));
    }
  }
}
