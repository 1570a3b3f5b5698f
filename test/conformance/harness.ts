/**
 * The parts that an engine provides for the conformance suite. A file `<engine>-harness.ts` makes one of these, and the
 * engine's test files call `describeConformance` with it; no other file in this folder depends on an engine.
 */
import type { SqlTransaction } from '../../src/engine/callers-transaction.ts';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import type { QueueName } from '../../src/engine/work-queue.ts';
import type { Restore } from '../support/sqlite-backup.ts';

export interface EngineHarness {
  readonly name: string;
  /** Why this engine cannot be tested here, in a few words; absent if it can. */
  readonly unavailable?: string;
  readonly promises: {
    /**
     * Q4 in full: a producer's open transaction never delays a claim. A database that has a single write lock cannot
     * promise that; there a claim waits for the transaction's end, and does not fail.
     */
    readonly producersNeverBlockClaims: boolean;
    /**
     * Q10 in full: a message waits for an earlier one of its key whose transaction is still open. A server that shows
     * uncommitted rows to no other transaction cannot promise that; there the earlier one must be committed first.
     * Known once a stage exists.
     */
    readonly waitsForOpenTransactions: boolean;
  };
  /** Bytes that a payload counts for against `maxBytes`. */
  storedBytes(payload: string): number;
  /**
   * Rows that no program can read (Q15), by what is wrong with them: the SQL expressions of the columns that are odd, and
   * the reason that the engine gives.
   */
  readonly oddRows: Readonly<Record<string, OddRow>>;
  /** An SQL expression of a payload that is one byte longer than a row's content may be. */
  readonly tooLargePayload: string;
  /** An SQL expression of the time 9999-12-31T00:00:00Z. */
  readonly lastDayUtc: string;
  /** A stage: storage of its own, with no tenant databases. */
  create(registry: Freshness): Promise<Stage>;
}

/** SQL expressions by column. */
export type SqlValues = Readonly<Record<string, string>>;

export interface OddRow {
  readonly columns: SqlValues;
  readonly reason: RegExp;
  /** Claiming and settling overwrite the columns, so a Dead message can be read again. */
  readonly mends?: true;
}

/**
 * The state of a database that a test needs: `bare`: without a schema; `empty`: without rows, so that it may have
 * served another test and have its schema already.
 */
export type Freshness = 'bare' | 'empty';

/** How another process opens the same storage: `(await import(module))[create](options)` is an Engine. */
export interface EngineModule {
  /** Absolute path of a TypeScript file. */
  readonly module: string;
  readonly create: string;
  /** Must survive conversion to JSON and back. */
  readonly options: unknown;
}

/** One registry and any number of tenant databases. */
export interface Stage {
  readonly engine: Engine;
  readonly engineModule: EngineModule;
  /** A second engine on the same storage, sharing nothing else with the first: another host. */
  anotherHost(): Engine;
  /** The address of a database that no other address means. */
  newTenant(freshness: Freshness): Promise<TenantAddress>;
  /** The test that used the database has ended, so the stage may remove the database, or empty it for another test. */
  removeTenant(address: TenantAddress): Promise<void>;
  /** Other addresses that mean the same physical database (F1). */
  sameDatabase(address: TenantAddress): TenantAddress[];
  /** An address that this kind of database can never have. */
  readonly unfitAddress: TenantAddress;
  /**
   * Runs `work` inside a transaction that the caller owns, as an application would open it with the database's own
   * driver, and then commits it or rolls it back, as the caller asks. When `work` fails, the transaction is rolled
   * back.
   */
  withTransaction<T>(
    address: TenantAddress,
    work: (transaction: unknown) => Promise<T>,
    end: 'commit' | 'rollback',
  ): Promise<T>;
  /** Commits the transaction that `withTransaction` gives, and begins the next one of the same object. */
  beginAgain(transaction: unknown): Promise<void>;
  /** The transaction that `withTransaction` gives, as an application hands over that of a driver which is not known. */
  asQueries(transaction: unknown): SqlTransaction;
  /** Gives `work` the same object as `withTransaction` does, but without an open transaction. */
  withoutTransaction<T>(address: TenantAddress, work: (idle: unknown) => Promise<T>): Promise<T>;
  /** Backs up a tenant's database or the registry. The restore happens under the hosts that use the database. */
  backUp(database: TenantAddress | 'registry'): Promise<Restore>;
  /**
   * Makes every stored time of a tenant's database or the registry later by `ms`, as if the database's clock had been
   * set back by as much since.
   */
  setClockBack(database: TenantAddress | 'registry', ms: number): Promise<void>;
  /** Inserts a row as a program does that uses plain SQL, and that the database's constraints do not stop. */
  insertRow(address: TenantAddress, queue: QueueName, values: SqlValues): Promise<void>;
  /** Changes a tenant's row in the registry in the same way. */
  spoilTenant(tenantId: string, values: SqlValues): Promise<void>;
  /** Adds tenants `<id>-0001` to `<id>-<copies>` to the registry, with the schedule of tenant `id`. */
  copyTenant(id: string, copies: number): Promise<void>;
  /** Closes every engine of this stage and removes its storage. */
  dispose(): Promise<void>;
}
