/**
 * The parts that benchmarks need of each kind of database besides the engine: places to work in, and raw loops on the same
 * tables to compare with. Add another engine with another folder like sqlite/.
 */
import type { TenantInput } from '../src/fleet/tenants/definition.ts';

export interface Places {
  /** The engine's kind, as `Engine.kind` has it. */
  readonly kind: string;
  /** A description of the raw loop that a drain is compared with. */
  readonly rawLoop: string;
  /** A description of the second loop, `RawTenant.drainMinimal`; null if the raw loop is as small as a loop can be. */
  readonly minimalLoop: string | null;
  /** The share of a full run's messages and tenants that fits into reasonable time. */
  readonly scale: number;
  /**
   * The calls at the beginning of a session in which the server compiles its procedures. Drains and enqueues do not count
   * them, because a host keeps its sessions.
   */
  readonly coldCalls: number;
  /**
   * The most messages, and the most calls, of a drain that fit into reasonable time. Tens of thousands: a server that ignores the hints
   * for its plans reads a small table whole for each batch.
   */
  readonly messagesAtMost: number;
  readonly callsAtMost: number;
  /** Makes an empty place: a registry and tenants of its own. */
  open(name: string): Promise<Place>;
  /** Removes everything that is left of all places. */
  remove(): Promise<void>;
}

export interface Place {
  /** The registry's URL, for `createMultiOutbox`. It may have no schema yet. */
  readonly registry: string;
  /** The definition of a new tenant, whose database `migrate` creates. */
  newTenant(tenantId: string): Promise<TenantInput>;
  /**
   * Copies a tenant's database with all its messages, so that every repetition starts from the same state; returns the
   * copy's definition. Both databases must be closed.
   */
  copyTenant(from: string, to: string): Promise<TenantInput>;
  /** Removes a tenant's database, which must be closed. */
  removeTenant(tenantId: string): Promise<void>;
  /** Opens a tenant's database without the engine, with the engine's settings. */
  rawTenant(tenantId: string): Promise<RawTenant>;
  rawRegistry(): Promise<RawRegistry>;
  /** This process's logins to the tenants' databases so far; absent where databases are files. */
  logins?(): number;
  remove(): Promise<void>;
}

export interface RawMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
}

/** What a raw loop may do besides: a part of what the engine promises, to see what that part costs. */
export type RawExtra =
  /** Each step also renews a lease, if it is still there (Q8). */
  | 'lease'
  /** The messages have ordering keys: only the first of each key may be claimed (Q10). */
  | 'keys';

/** An outbox used through prepared statements: no leases, ordering, retries, errors or checks. */
export interface RawTenant {
  /** Whether a message is due. */
  probe(): Promise<boolean>;
  /**
   * Claims `batch` messages, oldest due first, reads them, hands each to `handle`, and settles them in the transaction
   * that claims the next. Returns their number.
   */
  drain(batch: number, handle: (message: RawMessage) => void, extra?: RawExtra): Promise<number>;
  /** Does the same through procedures of the benchmark's own: only claim, read and settle. */
  drainMinimal?(batch: number, handle: (message: RawMessage) => void, extra?: RawExtra): Promise<number>;
  /**
   * Claims and reads as `drain` does, and handles and settles each message in a transaction of its own. Only where
   * databases are files.
   */
  drainInTransactions?(batch: number, handle: (message: RawMessage) => void): Promise<number>;
  /** Stores the messages in one transaction of its own, or as part of the open transaction. */
  insert(messages: readonly RawMessage[]): Promise<void>;
  /** The connection, passed to `enqueue` as the caller's transaction after it has begun one. */
  readonly connection: unknown;
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Rolls back the open transaction, if any, and closes the connection. */
  close(): Promise<void>;
}

/** The registry's table of tenants, used through prepared statements. */
export interface RawRegistry {
  /** Makes the tenants due now. */
  wake(tenantIds: readonly string[]): Promise<void>;
  /** Reads the due tenants and moves each one's due time an hour on, in one transaction. Returns their number. */
  plan(): Promise<number>;
  close(): Promise<void>;
}
