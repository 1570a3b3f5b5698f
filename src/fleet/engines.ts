import path from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { SqlServerEngineOptions } from '../engine/sqlserver/index.ts';
import { MultiOutboxError } from '../errors.ts';
import type { Settings } from '../settings.ts';

/** What a static directory needs of an engine: a registry in memory, tenants where they are. */
export const memoryRegistry = 'sqlite::memory:';

/** True when databases are files that this program can create. */
export function isEmbedded(registryUrl: string): boolean {
  return registryUrl.startsWith('sqlite:');
}

/**
 * Makes the engine that a registry URL names. An engine is loaded when it is first needed: a process that works on
 * one kind of database does not pay for the other.
 * @param onServers with a registry in memory: tenants may be on servers
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export async function engineFor(
  registryUrl: string,
  settings: Settings,
  { onServers = true, onDiscard }: { onServers?: boolean } & Pick<SqlServerEngineOptions, 'onDiscard'> = {},
): Promise<Engine> {
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(registryUrl) ?? [];
  if (registryUrl === memoryRegistry) {
    const embedded = await sqliteEngine(':memory:', settings);
    if (!onServers) return embedded;
    const { MemoryEngine } = await import('./memory-engine.ts');
    return new MemoryEngine(embedded, await sqlServerEngine(undefined, settings, onDiscard));
  }
  if (scheme === 'sqlite' && rest) return sqliteEngine(path.resolve(rest), settings);
  if (scheme === 'mssql' && rest) return sqlServerEngine(registryUrl, settings, onDiscard);
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    // The setting may hold a connection string by mistake, so no more than its scheme is shown.
    `The registry${scheme ? ` '${scheme}:…'` : ''} is of no known kind; use sqlite:<file>, such as sqlite:.data/registry.db, or mssql://<server>/<database>.`,
  );
}

async function sqliteEngine(registry: string, settings: Settings): Promise<Engine> {
  const { createSqliteEngine } = await import('../engine/sqlite/index.ts');
  const { synchronous, busyTimeoutMs } = settings.sqlite;
  return createSqliteEngine({ registry, synchronous, busyTimeoutMs });
}

async function sqlServerEngine(
  registry: string | undefined,
  settings: Settings,
  onDiscard: SqlServerEngineOptions['onDiscard'],
): Promise<Engine> {
  const { createSqlServerEngine } = await import('../engine/sqlserver/index.ts');
  const { poolSize, maxConnectionsPerServer, allowedServers, ...given } = settings.sqlserver;
  return createSqlServerEngine({
    ...given,
    ...(registry !== undefined && { registry }),
    ...(allowedServers && { allowedServers }),
    ...(onDiscard && { onDiscard }),
    pools: {
      size: poolSize,
      maxConnectionsPerServer,
      // One more for the registry, which is no tenant's database.
      maxOpen: settings.databases.maxOpen + 1,
      idleCloseMs: settings.databases.idleCloseMs,
    },
  });
}
