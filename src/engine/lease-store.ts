/**
 * Leases as a database keeps them: one durable row a name (L1). All times are the database's own (Q2); what
 * travels is durations in milliseconds, and absolute times only for people to read.
 */

/** What identifies one acquisition: renew and release match all three (L3). */
export interface LeaseRef {
  readonly name: string;
  readonly owner: string;
  readonly fence: number;
}

/** A lease row. A lease that was released or never taken has no owner and no expiry. */
export interface LeaseRecord {
  readonly name: string;
  /** Null when nobody holds it. */
  readonly owner: string | null;
  /** Rises by one at every acquisition, never otherwise; survives release and restarts (L2). */
  readonly fence: number;
  readonly acquiredUtc: Date | null;
  readonly renewedUtc: Date | null;
  readonly expiresUtc: Date | null;
  /** What the holder said of itself, for people to read. */
  readonly context: string | null;
  /** By the database's clock: an owner is there and its time is not up. */
  readonly held: boolean;
}

export interface AcquireLease {
  /** 1 to 200 characters. */
  readonly name: string;
  /** 1 to 200 characters, compared exactly. */
  readonly owner: string;
  readonly durationMs: number;
  readonly context?: string;
}

/** Somebody else holds the lease. */
export interface LeaseHeld {
  readonly status: 'held';
  readonly owner: string;
  /** Milliseconds until it runs out, by the database's clock; at least 0. */
  readonly expiresInMs: number;
}

export interface LeaseAcquired {
  readonly status: 'acquired';
  readonly fence: number;
  readonly expiresInMs: number;
  readonly expiresUtc: Date;
}

export type AcquireResult = LeaseAcquired | LeaseHeld;

export type RenewResult =
  | { readonly status: 'renewed'; readonly expiresInMs: number; readonly expiresUtc: Date }
  | { readonly status: 'lost' };

/** The leases of one database. Safe under concurrent use from any number of processes. */
export interface LeaseStore {
  /**
   * Takes the lease if it is free or has expired; its fence rises by one. The present owner acquiring again
   * gets a new fence too, whereby its earlier handle is lost (L2).
   */
  acquire(request: AcquireLease): Promise<AcquireResult>;
  /**
   * Prolongs the lease to now + `durationMs`. A lease that has expired and that nobody took since can still be
   * renewed; any other mismatch of name, owner or fence is `lost` (L3).
   */
  renew(lease: LeaseRef, durationMs: number): Promise<RenewResult>;
  /** Gives the lease back. False when it was not ours any more, which is no error (L4). */
  release(lease: LeaseRef): Promise<boolean>;
  /** Every lease row of this database, by name. */
  list(): Promise<LeaseRecord[]>;
}
