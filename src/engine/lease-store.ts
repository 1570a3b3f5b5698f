/**
 * Leases in a database: one durable row for each name (L1). All times are the database's own (Q2). Calls carry
 * durations in milliseconds; absolute times are only for people to read.
 */

/** Identifies one acquisition; renew and release match all four fields (L3). */
export interface LeaseRef {
  readonly name: string;
  readonly owner: string;
  readonly fence: number;
  /**
   * A UUID that the engine makes at each acquisition. When a database is restored, its fences repeat, and an owner may
   * acquire the same fence again; this id does not repeat.
   */
  readonly acquisitionId: string;
}

/** A lease row. A lease that was released or never taken has no owner and no expiry. */
export interface LeaseRecord {
  readonly name: string;
  /** Null when the lease is free. */
  readonly owner: string | null;
  /** Rises by one at every acquisition and never otherwise; a release or a restart does not reset it (L2). */
  readonly fence: number;
  /** The id of the last acquisition, which a release keeps; null when the lease was never taken. */
  readonly acquisitionId: string | null;
  readonly acquiredUtc: Date | null;
  readonly renewedUtc: Date | null;
  readonly expiresUtc: Date | null;
  /** The holder's description of itself, for people to read. */
  readonly context: string | null;
  /** Whether the lease has an owner and has not run out, by the database's clock. */
  readonly held: boolean;
}

/**
 * No owner takes a lease for a longer time, in milliseconds. Another program stored a lease that ends later than this from
 * now, and its end is drawn in (Q16).
 */
export const longestLeaseMs = 86_400_000;

/** Which leases are listed. Default: every lease that was ever taken. */
export interface ListLeases {
  /** Only this one; compared exactly. No other option goes with it. */
  readonly name?: string;
  /** Only those whose names come after this one: the last of the page before. */
  readonly after?: string;
  /** At most so many, a whole number from 1 to 10,000. Default: all. */
  readonly limit?: number;
  /** Only those that have an owner, also when the lease has run out. */
  readonly owned?: boolean;
}

export interface AcquireLease {
  /** 1 to 200 characters. */
  readonly name: string;
  /** 1 to 200 characters, compared exactly. */
  readonly owner: string;
  readonly durationMs: number;
  readonly context?: string;
}

/** Another owner has the lease; the call changed nothing. */
export interface LeasedElsewhere {
  readonly status: 'leased-elsewhere';
  readonly owner: string;
  /** Milliseconds until it runs out, by the database's clock; at least 0. */
  readonly expiresInMs: number;
}

export interface LeaseAcquired {
  readonly status: 'acquired';
  readonly fence: number;
  readonly acquisitionId: string;
  readonly expiresInMs: number;
  readonly expiresUtc: Date;
}

export type AcquireResult = LeaseAcquired | LeasedElsewhere;

export type RenewResult =
  | { readonly status: 'renewed'; readonly expiresInMs: number; readonly expiresUtc: Date }
  | { readonly status: 'lost' };

/** The leases of one database. Safe under concurrent use from any number of processes. */
export interface LeaseStore {
  /**
   * Takes the lease if it is free or has expired; its fence rises by one. When the current owner acquires it again,
   * it also gets a new fence, and its earlier acquisition is lost (L2).
   */
  acquire(request: AcquireLease): Promise<AcquireResult>;
  /**
   * Extends the lease to now + `durationMs`. A lease that has expired can still be renewed if no owner has taken it
   * since. When name, owner, fence or acquisition id do not match, the lease is `lost` (L3).
   */
  renew(lease: LeaseRef, durationMs: number): Promise<RenewResult>;
  /** Releases the lease. Returns false, without an error, when this owner no longer had it (L4). */
  release(lease: LeaseRef): Promise<boolean>;
  /** Lists lease rows of this database, sorted by name. */
  list(query?: ListLeases): Promise<LeaseRecord[]>;
}
