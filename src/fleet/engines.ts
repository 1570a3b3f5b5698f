import path from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { SqliteEngineOptions } from '../engine/sqlite/index.ts';
import type { SqlServerEngineOptions } from '../engine/sqlserver/index.ts';
import { MultiOutboxError } from '../errors.ts';
import type { Settings } from '../settings.ts';

/** The registry URL of a static directory: the registry is in memory, the tenants' databases are not. */
export const memoryRegistry = 'sqlite::memory:';

/** The URL with an absolute path: a relative one begins at `folder`. URLs of other engines are returned unchanged. */
export function absoluteRegistry(registryUrl: string, folder: string): string {
  const [, file] = /^sqlite:(.+)$/s.exec(registryUrl) ?? [];
  if (file === undefined || registryUrl === memoryRegistry) return registryUrl;
  return `sqlite:${path.resolve(folder, file)}`;
}

/** True when the registry is a file or in memory. Its tenants' databases are files, unless they name a server. */
export function isEmbedded(registryUrl: string): boolean {
  return registryUrl.startsWith('sqlite:');
}

/**
 * Creates the engine that a registry URL names. A registry on SQL Server has only tenants on servers; one in a file or in
 * memory may have tenants of both kinds, because it can list a tenant on a server at any time. The driver of SQL Server is
 * loaded by the first connection.
 * @param onServers whether tenants of a registry in memory may be on servers; without them their engine is not loaded
 * @param folder where the relative paths of tenants' files begin, for a registry in memory; default: the working
 *   directory
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export async function engineFor(
  registryUrl: string,
  settings: Settings,
  {
    onServers = true,
    folder,
    onDiscard,
    onUnsynced,
  }: { onServers?: boolean; folder?: string } & Pick<SqlServerEngineOptions, 'onDiscard'> &
    Pick<SqliteEngineOptions, 'onUnsynced'> = {},
): Promise<Engine> {
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(registryUrl) ?? [];
  const mixed = async (embedded: Engine) => {
    const { MixedEngine } = await import('./mixed-engine.ts');
    return new MixedEngine(embedded, await sqlServerEngine(undefined, settings, onDiscard));
  };
  if (registryUrl === memoryRegistry) {
    const embedded = await sqliteEngine(':memory:', settings, folder);
    return onServers ? mixed(embedded) : embedded;
  }
  if (scheme === 'sqlite' && rest)
    return mixed(await sqliteEngine(path.resolve(rest), settings, undefined, onUnsynced));
  if (scheme === 'mssql' && rest) return sqlServerEngine(registryUrl, settings, onDiscard);
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    // The setting may contain a connection string by mistake, so the message shows only its scheme.
    `The registry${scheme ? ` '${scheme}:…'` : ''} has an unknown scheme; use sqlite:<file>, such as sqlite:.data/registry.db, or mssql://<server>/<database>.`,
  );
}

async function sqliteEngine(
  registry: string,
  settings: Settings,
  folder?: string,
  onUnsynced?: SqliteEngineOptions['onUnsynced'],
): Promise<Engine> {
  const { createSqliteEngine } = await import('../engine/sqlite/index.ts');
  const { synchronous, busyTimeoutMs } = settings.sqlite;
  return createSqliteEngine({ registry, synchronous, busyTimeoutMs, folder, onUnsynced });
}

async function sqlServerEngine(
  registry: string | undefined,
  settings: Settings,
  onDiscard: SqlServerEngineOptions['onDiscard'],
): Promise<Engine> {
  const { createSqlServerEngine } = await import('../engine/sqlserver/index.ts');
  const { poolSize, maxConnectionsPerServer, ...given } = settings.sqlserver;
  return createSqlServerEngine({
    ...given,
    registry,
    onDiscard,
    pools: {
      size: poolSize,
      maxConnectionsPerServer,
      // One pool more for the registry, which is not a tenant's database.
      maxOpen: settings.databases.maxOpen + 1,
      idleCloseMs: settings.databases.idleCloseMs,
    },
  });
}
