/**
 * The objects that the suites of this folder work on: an engine, and one registry and one tenant database on the test
 * server.
 */
import * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../src/engine/engine.ts';
import type { Registry } from '../../src/engine/registry.ts';
import { createSqlServerEngine } from '../../src/engine/sqlserver/index.ts';
import { serverConnectionString } from '../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../support/sqlserver-databases.ts';

/** Shorter than the time that a run's call waits for a lock (10 s), and far longer than any call that need not wait. */
const requestTimeoutMs = 8_000;

export class BlockingScene {
  readonly databases = new TestDatabases(serverConnectionString);
  readonly #engines: Engine[] = [];
  #registry = '';
  /** The tenant's database. */
  name = '';
  tenant!: TenantDatabase;
  registry!: Registry;
  /** Connections of the test's own. */
  pool!: mssql.ConnectionPool;

  async open(): Promise<void> {
    this.#registry = await this.databases.take('registry');
    this.name = await this.databases.take('tenant');
    this.pool = await this.databases.pool(this.name);
    ({ tenant: this.tenant, registry: this.registry } = this.host());
  }

  async dispose(): Promise<void> {
    for (const engine of this.#engines) await engine.close();
    await this.databases.dispose();
  }

  /** Another host, with connections of its own. */
  host(): { tenant: TenantDatabase; registry: Registry } {
    const engine = createSqlServerEngine({
      registry: this.databases.registryUrl(this.#registry),
      env: { [tenantsSetting]: this.databases.connectionString },
      requestTimeoutMs,
    });
    this.#engines.push(engine);
    return { tenant: engine.openTenant(tenantAddress(this.name)), registry: engine.openRegistry() };
  }

  registryPool(): Promise<mssql.ConnectionPool> {
    return this.databases.pool(this.#registry);
  }

  /** Removes all messages. Rows of open transactions must be gone. */
  async empty(): Promise<void> {
    await this.databases.batch(
      this.name,
      'TRUNCATE TABLE messaging.Outbox',
      'TRUNCATE TABLE messaging.Inbox',
      'TRUNCATE TABLE messaging.Leases',
    );
  }

  /** Begins a transaction, hands it to `work`, and ends it as told, or by a rollback when `work` fails. */
  inTransaction<T>(
    end: 'commit' | 'rollback',
    work: (transaction: mssql.Transaction) => Promise<T>,
  ): Promise<T> {
    return this.openTransaction(async (transaction) => {
      const result = await work(transaction);
      await (end === 'commit' ? transaction.commit() : transaction.rollback());
      return result;
    });
  }

  /** Begins a transaction, which `work` ends; it is rolled back when `work` fails. */
  async openTransaction<T>(work: (transaction: mssql.Transaction) => Promise<T>): Promise<T> {
    const transaction = new mssql.Transaction(this.pool);
    await transaction.begin();
    try {
      return await work(transaction);
    } catch (error) {
      await transaction.rollback().catch(() => {});
      throw error;
    }
  }
}

/** The session of a connection. */
export async function sessionOf(transaction: mssql.Transaction): Promise<number> {
  const { recordset } = await transaction.request().query<{ Id: number }>('SELECT @@SPID AS Id');
  return recordset[0]!.Id;
}
