import path from 'node:path';
import type { Engine } from '../engine/engine.ts';
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

/** True when the databases are files that this program can create. */
export function isEmbedded(registryUrl: string): boolean {
  return registryUrl.startsWith('sqlite:');
}

/**
 * Creates the engine that a registry URL names. It loads only that engine's modules, so that a process with one kind
 * of database does not load the other.
 * @param onServers whether tenants of a registry in memory may be on servers
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
  }: { onServers?: boolean; folder?: string } & Pick<SqlServerEngineOptions, 'onDiscard'> = {},
): Promise<Engine> {
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(registryUrl) ?? [];
  if (registryUrl === memoryRegistry) {
    const embedded = await sqliteEngine(':memory:', settings, folder);
    if (!onServers) return embedded;
    const { MemoryEngine } = await import('./memory-engine.ts');
    return new MemoryEngine(embedded, await sqlServerEngine(undefined, settings, onDiscard));
  }
  if (scheme === 'sqlite' && rest) return sqliteEngine(path.resolve(rest), settings);
  if (scheme === 'mssql' && rest) return sqlServerEngine(registryUrl, settings, onDiscard);
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    // The setting may contain a connection string by mistake, so the message shows only its scheme.
    `The registry${scheme ? ` '${scheme}:…'` : ''} has an unknown scheme; use sqlite:<file>, such as sqlite:.data/registry.db, or mssql://<server>/<database>.`,
  );
}

async function sqliteEngine(registry: string, settings: Settings, folder?: string): Promise<Engine> {
  const { createSqliteEngine } = await import('../engine/sqlite/index.ts');
  const { synchronous, busyTimeoutMs } = settings.sqlite;
  return createSqliteEngine({ registry, synchronous, busyTimeoutMs, folder });
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
