/**
 * Databases for tests and benchmarks, on the server of a connection string whose login may create databases. Every
 * database made here begins with `mo_test_` and is dropped in the end. Migrating one takes seconds on some servers, so
 * databases with a schema are emptied and reused.
 */
import { randomBytes } from 'node:crypto';
import mssql from 'mssql';
import type { TenantAddress } from '../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../src/engine/sqlserver/index.ts';
import { creationOf, type DatabaseOptions, databaseOptions } from './sqlserver-options.ts';
import { until } from './until.ts';

/** The app setting that test tenants name. */
export const tenantsSetting = 'TEST_TENANTS';

export function tenantAddress(database: string, id: string = database): TenantAddress {
  return { id, server: '', database, auth: { kind: 'setting', name: tenantsSetting }, schema: 'messaging' };
}

/** A connection string without the parts whose keys match. */
export function without(connectionString: string, keys: RegExp): string {
  return connectionString
    .split(';')
    .filter((part) => !keys.test(part.split('=')[0]!.trim()))
    .join(';');
}

/** A connection of a test's own, beside the engine's. */
export function connect(connectionString: string, database: string): Promise<mssql.ConnectionPool> {
  const config = mssql.ConnectionPool.parseConnectionString(connectionString);
  // A server that ends hundreds of sessions may take this long to accept a login.
  const patienceMs = 120_000;
  const pool = { max: 4, min: 0, acquireTimeoutMillis: patienceMs };
  return new mssql.ConnectionPool({
    ...config,
    database,
    pool,
    connectionTimeout: patienceMs,
    requestTimeout: patienceMs,
    validateConnection: false,
  } as mssql.config).connect();
}

export type SchemaKind = 'registry' | 'tenant';

export class TestDatabases {
  /** A connection string that names no database, because each test has its own. */
  readonly connectionString: string;
  readonly #kinds = new Map<string, SchemaKind | 'bare'>();
  readonly #free: Record<SchemaKind, string[]> = { registry: [], tenant: [] };
  readonly #pools = new Map<string, Promise<mssql.ConnectionPool>>();

  readonly #options: DatabaseOptions;

  /** @param connectionString an ADO connection string */
  constructor(connectionString: string, options = databaseOptions()) {
    this.#options = options;
    this.connectionString = without(connectionString, /^(database|initial catalog)$/i);
  }

  /** A database without a schema. */
  create(): Promise<string> {
    return this.#create('bare');
  }

  /** A database with its schema and no rows; it may be a database that another test has given back. */
  async take(kind: SchemaKind): Promise<string> {
    const free = this.#free[kind].pop();
    if (free !== undefined) return free;
    const name = await this.#create(kind);
    const engine = createSqlServerEngine({
      registry: this.registryUrl(kind === 'registry' ? name : 'master'),
      env: { [tenantsSetting]: this.connectionString },
    });
    if (kind === 'tenant') await engine.openTenant(tenantAddress(name)).schema.migrate();
    else {
      await engine.openRegistry().schema.migrate();
      await this.batch(name, 'SELECT * INTO dbo.Untouched FROM messaging.RegistryState');
    }
    await engine.close();
    return name;
  }

  registryUrl(name: string): string {
    return `mssql:${this.connectionString};Database=${name}`;
  }

  /** Takes a database back from a test that has ended and closed its connections. */
  async giveBack(name: string): Promise<void> {
    const kind = this.#kinds.get(name);
    if (kind === undefined) return;
    if (kind === 'bare') return this.drop(name);
    const { recordset } = await new mssql.Request(await this.pool(name)).query<{ name: string }>(
      `SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID('messaging') AND name <> 'SchemaJournal'`,
    );
    const statements = recordset.map((table) => `TRUNCATE TABLE messaging.[${table.name}]`);
    if (kind === 'registry') statements.push('INSERT messaging.RegistryState SELECT * FROM dbo.Untouched');
    await this.batch(name, statements.join(';\n'));
    this.#free[kind].push(name);
  }

  /** Drops a database, also one that a test made in another way. */
  async drop(name: string): Promise<void> {
    await this.#closePool(name);
    // SQL Server does not drop a database with open connections, so close them first. A server without SINGLE_USER
    // drops it all the same.
    await this.#administer(`ALTER DATABASE [${name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE`).catch(
      () => {},
    );
    await this.#administer(`DROP DATABASE [${name}]`);
    this.#kinds.delete(name);
  }

  async dispose(): Promise<void> {
    for (const name of [...this.#kinds.keys()]) await this.drop(name);
    for (const name of [...this.#pools.keys()]) await this.#closePool(name);
  }

  /** A pool on the database, which stays open until the database is dropped. */
  pool(name: string): Promise<mssql.ConnectionPool> {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = connect(this.connectionString, name);
      this.#pools.set(name, pool);
    }
    return pool;
  }

  async batch(name: string, ...statements: string[]): Promise<void> {
    const pool = await this.pool(name);
    for (const statement of statements) await new mssql.Request(pool).batch(statement);
  }

  /** How many sessions the server has in databases that were made here; sessions in master do not count. */
  async sessions(): Promise<number> {
    const { recordset } = await new mssql.Request(await this.pool('master')).query<{ name: string }>(
      'SELECT DB_NAME(dbid) AS name FROM sys.sysprocesses',
    );
    return recordset.filter(({ name }) => this.#kinds.has(name)).length;
  }

  async #create(kind: SchemaKind | 'bare'): Promise<string> {
    const name = `mo_test_${randomBytes(6).toString('hex')}`;
    const [create, ...alterations] = creationOf(name, this.#options);
    await this.#administer(create!);
    this.#kinds.set(name, kind);
    for (const alteration of alterations) await this.#administer(alteration);
    return name;
  }

  /**
   * Tries again while a connection that was closed a moment ago, or the work on another test's database, prevents the
   * statement.
   */
  async #administer(statement: string): Promise<void> {
    await until(`done: ${statement}`, () =>
      this.batch('master', statement).then(
        () => true,
        (error: Error) => {
          if (/in use|concurrently/.test(error.message)) return false;
          throw error;
        },
      ),
    );
  }

  async #closePool(name: string): Promise<void> {
    const pool = this.#pools.get(name);
    this.#pools.delete(name);
    await (await pool?.catch(() => undefined))?.close();
  }
}
