import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import { messageLimits } from '../../src/engine/message.ts';
import { isLocked } from '../../src/engine/sqlite/errors.ts';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import { backUpFile } from '../support/sqlite-backup.ts';
import { moveTimes } from '../support/sqlite-times.ts';
import { copiesOfTenant } from './copies-of-tenant.ts';
import type { EngineHarness, OddRow } from './harness.ts';
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

const beyond = '9223372036854775807';
/** Ticks of .NET, since the year 1. */
const ticks = '639000000000000000';

const oddRows: Record<string, OddRow> = {
  'headers that are not JSON': { columns: { Headers: `'a: b'` }, reason: /Headers is not JSON/ },
  'headers with a NUL': { columns: { Headers: `'{"a":"b"}' || char(0)` }, reason: /Headers is not JSON/ },
  'headers in a list': { columns: { Headers: `'["a"]'` }, reason: /Headers is JSON, but not an object/ },
  'enqueued at ticks': { columns: { EnqueuedUtc: ticks }, reason: /EnqueuedUtc is not a time/ },
  'due before all time': { columns: { DueUtc: `-${ticks}` }, reason: /DueUtc is not a time/ },
  'attempts beyond 2^53': { columns: { Attempts: beyond }, reason: /Attempts is out of range/, mends: true },
  'parks beyond 2^53': { columns: { Parks: beyond }, reason: /Parks is out of range/, mends: true },
  'a payload that is not UTF-8': {
    columns: { Payload: `CAST(x'7b22ff227d' AS TEXT)` },
    reason: /Payload is not valid UTF-8/,
  },
  'headers that are not UTF-8': {
    columns: { Headers: `CAST(x'7b2261223a22c3227d' AS TEXT)` },
    reason: /Headers is not valid UTF-8/,
  },
  'a key that is not UTF-8': {
    columns: { OrderingKey: `CAST(x'6bed' AS TEXT)` },
    reason: /OrderingKey is not valid UTF-8/,
  },
  'a topic of 4,000 characters': { columns: { Topic: 'hex(zeroblob(2000))' }, reason: /Topic is too long/ },
  'a key of 4,000 characters': {
    columns: { OrderingKey: 'hex(zeroblob(2000))' },
    reason: /OrderingKey is too long/,
  },
};

export const sqliteHarness: EngineHarness = {
  name: 'sqlite',
  promises: { producersNeverBlockClaims: false, waitsForOpenTransactions: true },
  storedBytes: (payload) => Buffer.byteLength(payload),
  oddRows,
  tooLargePayload: `hex(zeroblob(${messageLimits.contentBytes / 2 + 1}))`,
  lastDayUtc: String(Date.UTC(9999, 11, 31)),
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
    const fileOf = (database: TenantAddress | 'registry') =>
      database === 'registry' ? options.registry : file(database);
    /** Bulk loads switch constraints off, so a row may be stored that they would refuse. */
    function execute(path: string, statement: string): void {
      const connection = new DatabaseSync(path, { timeout: 5_000 });
      try {
        connection.exec('PRAGMA ignore_check_constraints = ON');
        connection.exec(statement);
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
        for (const suffix of ['', '-wal', '-shm', '.backup', '.replaced'])
          rmSync(`${file(tenant)}${suffix}`, { force: true });
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
      beginAgain: async (transaction) => (transaction as DatabaseSync).exec('COMMIT; BEGIN IMMEDIATE'),
      asQueries: (transaction) => ({
        query: async (sql, parameters) => (transaction as DatabaseSync).prepare(sql).all(...parameters),
      }),
      withoutTransaction: withConnection,
      backUp: async (database) => backUpFile(fileOf(database)),
      setClockBack: async (database, ms) => moveTimes(fileOf(database), ms),
      insertRow: async (tenant, queue, values) =>
        execute(
          file(tenant),
          `INSERT INTO ${queue} (${Object.keys(values).join(', ')}) VALUES (${Object.values(values).join(', ')})`,
        ),
      spoilTenant: async (tenantId, values) => {
        const changes = Object.entries(values).map(([column, value]) => `${column} = ${value}`);
        execute(options.registry, `UPDATE Tenants SET ${changes.join(', ')} WHERE Id = '${tenantId}'`);
      },
      copyTenant: async (id, copies) => execute(options.registry, copiesOfTenant(id, copies, 'json_each')),
      dispose: async () => {
        for (const engine of engines) await engine.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
