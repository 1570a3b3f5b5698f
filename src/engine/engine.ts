/**
 * The seam between the system and a kind of database. An engine knows these interfaces and nothing above them.
 * test/conformance states what they promise, once, and runs against every engine.
 */
import type { LeaseStore } from './lease-store.ts';
import type { Registry, TenantDefinition } from './registry.ts';
import type { SchemaControl } from './schema.ts';
import type { QueueName, WorkQueue } from './work-queue.ts';

/** What an engine needs to know to reach a tenant's database. */
export type TenantAddress = Pick<TenantDefinition, 'id' | 'server' | 'database' | 'auth' | 'schema'>;

/** One tenant's database. Opening is lazy: nothing is touched before the first call. */
export interface TenantDatabase {
  readonly tenantId: string;
  readonly schema: SchemaControl;
  readonly leases: LeaseStore;
  queue(name: QueueName): WorkQueue;
  /** Closes connections. Calls after it fail with CLOSED. Idempotent. */
  close(): Promise<void>;
}

/**
 * A kind of database. Every error that leaves an engine is a MultiOutboxError with a code and, for a tenant's
 * database, the tenant's id. Nothing an engine does for one tenant may block the event loop while it waits.
 */
export interface Engine {
  readonly kind: string;
  /** The registry this engine was made for. Lazy, like a tenant's database. */
  openRegistry(): Registry;
  openTenant(address: TenantAddress): TenantDatabase;
  /**
   * Identifies the physical database of an address: equal exactly when two addresses mean the same one (F1).
   * @throws INVALID_TENANT when the address does not fit this engine
   */
  databaseKey(address: TenantAddress): string;
  /** Closes the registry and every tenant database that this engine opened. Idempotent. */
  close(): Promise<void>;
}
