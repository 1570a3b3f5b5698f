/**
 * The parts that an engine provides for the kill suite. A file `<engine>.chaos.test.ts` makes one of these and calls
 * `describeKills` with it; no other file in this folder depends on an engine. Everything else uses the command
 * line (the killed processes) and the library (the checks between the kills).
 */
import type { TenantInput } from '../../src/fleet/tenants/definition.ts';

export interface KillHarness {
  readonly name: string;
  /** Why this engine cannot be tested here, in a few words; absent if it can. */
  readonly unavailable?: string;
  /** A new stage: storage of its own, with a registry that has no schema yet and no tenant databases. */
  create(): Promise<KillStage>;
}

export interface KillStage {
  /** URL of the registry, as MULTI_OUTBOX_REGISTRY takes it. */
  readonly registry: string;
  /**
   * Environment variables that a process needs beside it to reach the databases, and settings that suit this engine
   * better than the suite's. `create` sets the variables that the test process itself needs.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** A duration of leases that no call on these databases outlasts, however busy the machine is. */
  readonly patientLease: string;
  /** A tenant to register, on a database that no other tenant has. It may not exist yet, if `migrate` creates it. */
  tenant(id: string): TenantInput | Promise<TenantInput>;
  readonly transactions: TransactionModule;
  /** Runs a statement on a tenant's database, on a connection of the test's own; gives its rows. */
  query(tenantId: string, sql: string): Promise<readonly Record<string, unknown>[]>;
  /**
   * Resolves once the database works no more for a process that was killed or has ended: a server may still carry out
   * its last call. Absent where the work ends with the process.
   */
  gone?(pid: number): Promise<void>;
  /** Removes the storage. No process uses it any more. */
  dispose(): Promise<void>;
}

/**
 * How an application's process opens transactions of its own on a tenant's database, with the database's own
 * driver: `(await import(module)).openDatabase(options)` resolves to an `ApplicationDatabase`.
 */
export interface TransactionModule {
  /** Absolute path of a JavaScript module. */
  readonly module: string;
  /** Options for the tenant of this id; they must survive conversion to JSON and back. */
  options(tenantId: string): unknown;
}

export interface ApplicationDatabase {
  /** Resolves to what the library's `transaction` option takes. */
  begin(): Promise<unknown>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}
