/**
 * What the benchmarks need of a kind of database beside the engine: places to work in, and raw loops on the same tables
 * to be held against. Another engine joins by another folder like sqlite/.
 */
import type { TenantInput } from '../src/fleet/tenants/definition.ts';

export interface Places {
  /** The engine's kind, as `Engine.kind` has it. */
  readonly kind: string;
  /** What the raw loop does that a drain is held against, for people to read. */
  readonly rawLoop: string;
  /** Share of a full run's messages and tenants that can be had in reasonable time. */
  readonly scale: number;
  /** Calls that a drain may take in reasonable time. */
  readonly callsAtMost: number;
  /** An empty place: a registry and its tenants that nobody else uses. */
  open(name: string): Promise<Place>;
  /** Removes what is left of all places. */
  remove(): Promise<void>;
}

export interface Place {
  /** The registry's URL, for `createMultiOutbox`. It may have no schema yet. */
  readonly registry: string;
  /** What is to be registered for a new tenant, whose database `migrate` makes ready. */
  newTenant(tenantId: string): Promise<TenantInput>;
  /**
   * Copies a tenant's database with all its messages, so that every repetition starts from the same; returns what is to
   * be registered for the copy. Nobody may have either database open.
   */
  copyTenant(from: string, to: string): Promise<TenantInput>;
  /** Removes a tenant's database, which nobody has open. */
  removeTenant(tenantId: string): Promise<void>;
  /** Opens a tenant's database without the engine, with the engine's settings. */
  rawTenant(tenantId: string): Promise<RawTenant>;
  rawRegistry(): Promise<RawRegistry>;
  remove(): Promise<void>;
}

export interface RawMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
}

/** An outbox worked on by prepared statements: no leases, ordering, retries, errors or checks. */
export interface RawTenant {
  /** Whether a message is due. */
  probe(): Promise<boolean>;
  /**
   * Claims `batch` messages, oldest due first, reads them, hands each to `handle`, and settles them in the transaction
   * that claims the next. Returns how many there were.
   */
  drain(batch: number, handle: (message: RawMessage) => void): Promise<number>;
  /** Stores the messages in one transaction, or as part of the one that is open. */
  insert(messages: readonly RawMessage[]): Promise<void>;
  /** The connection, to be handed to `enqueue` as the caller's transaction once one is begun. */
  readonly connection: unknown;
  begin(): Promise<void>;
  commit(): Promise<void>;
  close(): Promise<void>;
}

/** The registry's table of tenants worked on by prepared statements. */
export interface RawRegistry {
  /** Makes the tenants due now. */
  wake(tenantIds: readonly string[]): Promise<void>;
  /** Reads the due tenants and moves each one's due time an hour on, in one transaction. Returns how many. */
  plan(): Promise<number>;
  close(): Promise<void>;
}
