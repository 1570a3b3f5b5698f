/** The paths of database files, and the canonical path by which two paths are compared. */
import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { MultiOutboxError } from '../../errors.ts';
import type { TenantAddress } from '../engine.ts';

/** The path of a registry in memory, for tenants listed in the configuration. */
export const memoryPath = ':memory:';

/**
 * The absolute path of a tenant's file: `address.database`, relative to the folder of the registry's file, or to
 * `folder` for a registry in memory.
 * @throws INVALID_TENANT
 */
export function tenantFile(registry: string, address: TenantAddress, folder: string = process.cwd()): string {
  const { id, server, database } = address;
  const refuse = (what: string): never => {
    throw new MultiOutboxError('INVALID_TENANT', `tenant '${id}': ${what}`, { tenantId: id });
  };
  if (server !== '') refuse(`'server' is set, but an embedded database has no server; leave it empty`);
  if (database.trim() === '') refuse(`'database' is empty; name the tenant's database file`);
  if (database.startsWith(':') || database.startsWith('file:') || database.includes('\0')) {
    refuse(`'database' must be the path of a file, neither a URI nor ':memory:'`);
  }
  const base = registry === memoryPath ? folder : dirname(resolve(registry));
  const file = isAbsolute(database) ? resolve(database) : resolve(base, database);
  if (isSideFile(file)) {
    refuse(
      `'database' ends like the files that are kept beside a database (-journal, -wal, -shm, -wake), or is a link to one; give the file another name`,
    );
  }
  return file;
}

/**
 * Whether SQLite, or a wake, may create, overwrite or delete the file, as part of the database beside it. Neither a slash
 * at the path's end nor a link hides that, nor what Windows takes for the same name: a short name, or one with dots at the end.
 */
export function isSideFile(path: string): boolean {
  const file = resolve(path);
  // Only the last part of the path counts.
  const real = mayHideName(file) ? canonicalPath(file) : file;
  return [file, real].some((name) => /-(journal|wal|shm|wake)$/i.test(name.trim()));
}

/** Whether the file may have another name than its path says. To look at the file takes a fifth of the time of `canonicalPath`. */
function mayHideName(path: string): boolean {
  if (process.platform === 'win32') return true;
  try {
    return isLink(path);
  } catch {
    return true;
  }
}

export function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/**
 * The canonical path of a tenant's file, relative to the canonical folder of the registry's file: it stays the same when
 * the folder with all files is moved. Absolute for a registry in memory, and on another drive.
 */
export function databaseKeyOf(registry: string, file: string): string {
  const path = canonicalPath(file);
  return registry === memoryPath ? path : relative(dirname(canonicalPath(registry)), path);
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
