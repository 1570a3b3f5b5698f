import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import { isLocked } from '../../src/engine/sqlite/errors.ts';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import type { EngineHarness } from './harness.ts';
import { until } from './until.ts';

/** Tries at once, because a wait inside SQLite would stop the transaction of this process that it waits for. */
function begun(connection: DatabaseSync): boolean {
  connection.exec('PRAGMA busy_timeout = 0');
  try {
    connection.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if (!isLocked(error)) throw error;
    return false;
  } finally {
    connection.exec('PRAGMA busy_timeout = 5000');
  }
}

export const sqliteHarness: EngineHarness = {
  name: 'sqlite',
  promises: { producersNeverBlockClaims: false, waitsForOpenTransactions: true },
  storedBytes: (payload) => Buffer.byteLength(payload),
  create: async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-conformance-'));
    const options = { registry: path.join(folder, 'registry.db') };
    const engines: Engine[] = [];
    const host = () => {
      const engine = createSqliteEngine(options);
      engines.push(engine);
      return engine;
    };
    const file = ({ database }: TenantAddress) => path.resolve(folder, database);
    async function withConnection<T>(address: TenantAddress, work: (db: DatabaseSync) => Promise<T>) {
      const connection = new DatabaseSync(file(address), { timeout: 5_000 });
      try {
        return await work(connection);
      } finally {
        connection.close();
      }
    }
    const address = (id: string, database: string): TenantAddress => ({
      id,
      server: '',
      database,
      auth: { kind: 'managed-identity' },
      schema: 'main',
    });
    return {
      engine: host(),
      engineModule: {
        module: path.resolve(__dirname, '../../src/engine/sqlite/index.ts'),
        create: 'createSqliteEngine',
        options,
      },
      anotherHost: host,
      newTenant: async () => {
        const id = `t-${randomUUID()}`;
        return address(id, `${id}.db`);
      },
      removeTenant: async (tenant) => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(`${file(tenant)}${suffix}`, { force: true });
      },
      sameDatabase: (original) =>
        [`./${original.database}`, `x/../${original.database}`, file(original)].map((database) => ({
          ...original,
          database,
        })),
      unfitAddress: { ...address('unfit', 'unfit.db'), server: 'sql.example.net' },
      withTransaction: (tenant, work, end) =>
        withConnection(tenant, async (connection) => {
          await until('the write lock is free', async () => begun(connection));
          const result = await work(connection).catch((error) => {
            connection.exec('ROLLBACK');
            throw error;
          });
          connection.exec(end === 'commit' ? 'COMMIT' : 'ROLLBACK');
          return result;
        }),
      withoutTransaction: withConnection,
      dispose: async () => {
        for (const engine of engines) await engine.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
