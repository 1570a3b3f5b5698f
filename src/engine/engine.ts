/**
 * The interface between the system and a kind of database. An engine depends on these interfaces and on nothing above
 * them. The suite in test/conformance states what the interfaces promise, and runs against every engine.
 */
import type { LeaseStore } from './lease-store.ts';
import type { Registry, TenantDefinition } from './registry.ts';
import type { SchemaControl } from './schema.ts';
import type { QueueName, WorkQueue } from './work-queue.ts';

/** The part of a tenant's definition with which an engine reaches its database. */
export type TenantAddress = Pick<TenantDefinition, 'id' | 'server' | 'database' | 'auth' | 'schema'>;

/** One tenant's database. It is opened by the first call, not before. */
export interface TenantDatabase {
  readonly tenantId: string;
  readonly schema: SchemaControl;
  readonly leases: LeaseStore;
  queue(name: QueueName): WorkQueue;
  /** Closes the connections. Later calls fail with CLOSED. Idempotent. */
  close(): Promise<void>;
}

/**
 * A kind of database. Every error that leaves an engine is a MultiOutboxError with a code and, for a tenant's
 * database, the tenant's id. An engine must not block the event loop while it waits for a tenant's database.
 */
export interface Engine {
  readonly kind: string;
  /** The registry that this engine was created for. The first call opens it, as with a tenant's database. */
  openRegistry(): Registry;
  openTenant(address: TenantAddress): TenantDatabase;
  /**
   * Identifies the physical database of an address: two keys are equal exactly when their addresses mean the same
   * database (F1).
   * @throws INVALID_TENANT when the address does not fit this engine
   */
  databaseKey(address: TenantAddress): string;
  /**
   * Identifies the file of an address's database at this moment: equal for two names of one file, which have different
   * keys. Null when there is no file, or the engine cannot tell.
   * @throws INVALID_TENANT when the address does not fit this engine
   */
  fileId(address: TenantAddress): string | null;
  /** Closes the registry and every tenant database that this engine opened. Idempotent. */
  close(): Promise<void>;
}
