/**
 * The SQL Server engine held to the conformance suite, on the server that MULTI_OUTBOX_TEST_SQLSERVER names: an ADO
 * connection string of a login that may create databases. Every database made here begins with `mo_test_` and is
 * dropped in the end.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import * as mssql from 'mssql';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import { parseConnectionString } from '../../src/engine/sqlserver/connection-string.ts';
import { createSqlServerEngine, type SqlServerEngineOptions } from '../../src/engine/sqlserver/index.ts';
import { parseServer } from '../../src/engine/sqlserver/target.ts';
import type { EngineHarness, Stage } from './harness.ts';
import { until } from './until.ts';

export const serverVariable = 'MULTI_OUTBOX_TEST_SQLSERVER';
/** The app setting that test tenants name. */
const setting = 'TEST_TENANTS';

/** A connection of a test's own, beside the engine's. */
export function connect(connectionString: string, database: string): Promise<mssql.ConnectionPool> {
  const config = mssql.ConnectionPool.parseConnectionString(connectionString);
  const pool = { max: 4, min: 0 };
  return new mssql.ConnectionPool({
    ...config,
    database,
    pool,
    validateConnection: false,
  } as mssql.config).connect();
}

/** Makes databases and drops them. */
export class TestDatabases {
  readonly #connectionString: string;
  readonly #names = new Set<string>();
  #admin: Promise<mssql.ConnectionPool> | undefined;

  constructor(connectionString: string) {
    this.#connectionString = connectionString;
  }

  async create(): Promise<string> {
    const name = `mo_test_${randomBytes(6).toString('hex')}`;
    await this.#batch(`CREATE DATABASE [${name}]`);
    this.#names.add(name);
    return name;
  }

  async drop(name: string): Promise<void> {
    if (!this.#names.delete(name)) return;
    // SQL Server drops no database that somebody is connected to; a server without SINGLE_USER does not mind.
    await this.#batch(`ALTER DATABASE [${name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE`).catch(() => {});
    await this.#batch(`DROP DATABASE [${name}]`);
  }

  /** Tried again while a connection that was closed a moment ago, or another test's database, is in the way. */
  async #batch(statement: string): Promise<void> {
    const admin = await this.#connection();
    await until(`done: ${statement}`, () =>
      new mssql.Request(admin).batch(statement).then(
        () => true,
        (error: Error) => {
          if (/in use|concurrently/.test(error.message)) return false;
          throw error;
        },
      ),
    );
  }

  async dispose(): Promise<void> {
    for (const name of [...this.#names]) await this.drop(name);
    await (await this.#connection()).close();
    this.#admin = undefined;
  }

  #connection(): Promise<mssql.ConnectionPool> {
    this.#admin ??= connect(this.#connectionString, 'master');
    return this.#admin;
  }
}

export function sqlServerHarness(connectionString: string | undefined): EngineHarness {
  const none = connectionString === undefined || connectionString === '';
  // How many bytes a character takes is the server's: two for each UTF-16 unit, or UTF-8. It is asked once.
  let bytesOfUmlaut = 2;
  return {
    name: 'sqlserver',
    ...(none && { unavailable: `${serverVariable} is not set` }),
    promises: { producersNeverBlockClaims: true },
    storedBytes: (payload) =>
      bytesOfUmlaut === 4 ? Buffer.byteLength(payload, 'utf16le') : Buffer.byteLength(payload),
    create: async () => {
      const stage = await createStage(connectionString!);
      bytesOfUmlaut = stage.bytesOfTwoUmlauts;
      return stage;
    },
  };
}

async function createStage(connectionString: string): Promise<Stage & { bytesOfTwoUmlauts: number }> {
  const databases = new TestDatabases(connectionString);
  const registry = await databases.create();
  // Without its database, if it names one: each tenant has its own.
  const tenants = connectionString.replace(/(^|;)\s*(database|initial catalog)\s*=[^;]*/i, '');
  const options: SqlServerEngineOptions = {
    registry: `mssql:${tenants};Database=${registry}`,
    env: { [setting]: tenants },
  };
  const engines: Engine[] = [];
  const host = () => {
    const engine = createSqlServerEngine(options);
    engines.push(engine);
    return engine;
  };
  const probe = await connect(connectionString, registry);
  const measured = await new mssql.Request(probe).query(
    `SELECT DATALENGTH(N'\u00fc\u00fc') AS Bytes, DATALENGTH(N'xx') AS Plain`,
  );
  await probe.close();
  const bytesOfTwoUmlauts = Number(measured.recordset[0].Plain) === 4 ? 4 : 2;
  const { server } = parseConnectionString(tenants)!;
  const { host: name, port } = parseServer(server!)!;
  const address = (id: string, database: string): TenantAddress => ({
    id,
    server: server!,
    database,
    auth: { kind: 'setting', name: setting },
    schema: 'messaging',
  });
  async function withPool<T>(tenant: TenantAddress, work: (pool: mssql.ConnectionPool) => Promise<T>) {
    const pool = await connect(tenants, tenant.database);
    try {
      return await work(pool);
    } finally {
      await pool.close();
    }
  }
  return {
    bytesOfTwoUmlauts,
    engine: host(),
    engineModule: {
      module: path.resolve(__dirname, '../../src/engine/sqlserver/index.ts'),
      create: 'createSqlServerEngine',
      options,
    },
    anotherHost: host,
    newTenant: async () => {
      const database = await databases.create();
      return address(database, database);
    },
    removeTenant: ({ database }) => databases.drop(database),
    sameDatabase: (original) => [
      { ...original, server: '' },
      { ...original, server: `tcp:${name.toUpperCase()},${port}` },
      { ...original, database: original.database.toUpperCase() },
    ],
    unfitAddress: { ...address('unfit', 'unfit'), server: '', auth: { kind: 'managed-identity' } },
    withTransaction: (tenant, work, end) =>
      withPool(tenant, async (pool) => {
        const transaction = new mssql.Transaction(pool);
        await transaction.begin();
        const result = await work(transaction).catch(async (error) => {
          await transaction.rollback().catch(() => {});
          throw error;
        });
        await (end === 'commit' ? transaction.commit() : transaction.rollback());
        return result;
      }),
    withoutTransaction: (tenant, work) => withPool(tenant, (pool) => work(new mssql.Transaction(pool))),
    dispose: async () => {
      for (const engine of engines) await engine.close();
      await databases.dispose();
    },
  };
}
