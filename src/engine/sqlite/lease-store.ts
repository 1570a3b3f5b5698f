/** Leases in a SQLite database (L1 to L3). */
import type {
  AcquireLease,
  AcquireResult,
  LeasedElsewhere,
  LeaseRecord,
  LeaseRef,
  LeaseStore,
  RenewResult,
} from '../lease-store.ts';
import { type Connection, nowSql } from './connection.ts';
import type { DatabaseHandle } from './handle.ts';
import { dateOrNull, wholeMs } from './time.ts';

const sql = {
  look: `SELECT Owner, Fence, ExpiresUtc, ${nowSql} AS Now FROM Leases WHERE Name = ?`,
  acquire: `INSERT INTO Leases (Name, Owner, Fence, AcquiredUtc, RenewedUtc, ExpiresUtc, Context)
    VALUES (:name, :owner, 1, :now, :now, :expires, :context)
    ON CONFLICT (Name) DO UPDATE SET Owner = excluded.Owner, Fence = Fence + 1, AcquiredUtc = excluded.AcquiredUtc,
      RenewedUtc = excluded.RenewedUtc, ExpiresUtc = excluded.ExpiresUtc, Context = excluded.Context
    RETURNING Fence`,
  renew: 'UPDATE Leases SET RenewedUtc = ?, ExpiresUtc = ? WHERE Name = ? AND Owner = ? AND Fence = ?',
  release: `UPDATE Leases SET Owner = NULL, ExpiresUtc = NULL, Context = NULL
    WHERE Name = ? AND Owner = ? AND Fence = ?`,
  list: `SELECT Name, Owner, Fence, AcquiredUtc, RenewedUtc, ExpiresUtc, Context, ${nowSql} AS Now
    FROM Leases ORDER BY Name`,
};

interface LookRow {
  readonly Owner: string | null;
  readonly Fence: number;
  readonly ExpiresUtc: number | null;
  readonly Now: number;
}

/** The lease's current owner, if it is not `owner`; null when `owner` may take the lease. */
export function heldByAnother(connection: Connection, name: string, owner: string): LeasedElsewhere | null {
  const row = connection.get<LookRow>(sql.look, name);
  if (row === undefined) return null;
  return heldBy(row.Owner, row.ExpiresUtc, row.Now, owner);
}

export function heldBy(
  holder: string | null,
  expiresUtc: number | null,
  now: number,
  owner: string,
): LeasedElsewhere | null {
  if (holder === null || expiresUtc === null || expiresUtc <= now || holder === owner) return null;
  return { status: 'leased-elsewhere', owner: holder, expiresInMs: expiresUtc - now };
}

/** Takes a lease that is known to be free; returns its new fence. Call it within a write transaction. */
export function takeLease(connection: Connection, request: AcquireLease, now: number): number {
  const values = {
    name: request.name,
    owner: request.owner,
    now,
    expires: now + wholeMs(request.durationMs),
    context: request.context ?? null,
  };
  return (connection.prepare(sql.acquire).get(values) as { Fence: number }).Fence;
}

/** Returns false when this owner no longer has the lease. Call it within a write transaction. */
export function renewLease(
  connection: Connection,
  lease: LeaseRef,
  now: number,
  durationMs: number,
): boolean {
  const expires = now + wholeMs(durationMs);
  return connection.run(sql.renew, now, expires, lease.name, lease.owner, lease.fence) === 1;
}

/** Returns false when this owner no longer has the lease. Call it within a write transaction. */
export function releaseLease(connection: Connection, lease: LeaseRef): boolean {
  return connection.run(sql.release, lease.name, lease.owner, lease.fence) === 1;
}

/** Milliseconds until the owner's lease runs out; infinite if it has run out, or another owner has the lease. */
export function expiresInMs(connection: Connection, lease: LeaseRef): number {
  const row = connection.get<LookRow>(sql.look, lease.name);
  if (row?.Owner !== lease.owner || row.Fence !== lease.fence || row.ExpiresUtc === null)
    return Number.POSITIVE_INFINITY;
  return row.ExpiresUtc > row.Now ? row.ExpiresUtc - row.Now : Number.POSITIVE_INFINITY;
}

export class SqliteLeaseStore implements LeaseStore {
  readonly #handle: DatabaseHandle;

  constructor(handle: DatabaseHandle) {
    this.#handle = handle;
  }

  async acquire(request: AcquireLease): Promise<AcquireResult> {
    // If another owner has the lease, most attempts end here, without taking the write lock from that owner.
    const held = await this.#handle.look((connection) =>
      heldByAnother(connection, request.name, request.owner),
    );
    if (held !== null) return held;
    return this.#handle.write((connection, now) => {
      const taken = heldByAnother(connection, request.name, request.owner);
      if (taken !== null) return taken;
      const fence = takeLease(connection, request, now);
      const expiresInMs = wholeMs(request.durationMs);
      return { status: 'acquired', fence, expiresInMs, expiresUtc: new Date(now + expiresInMs) };
    });
  }

  renew(lease: LeaseRef, durationMs: number): Promise<RenewResult> {
    return this.#handle.write((connection, now) => {
      if (!renewLease(connection, lease, now, durationMs)) return { status: 'lost' };
      const expiresInMs = wholeMs(durationMs);
      return { status: 'renewed', expiresInMs, expiresUtc: new Date(now + expiresInMs) };
    });
  }

  release(lease: LeaseRef): Promise<boolean> {
    return this.#handle.write((connection) => releaseLease(connection, lease));
  }

  async list(): Promise<LeaseRecord[]> {
    const rows = await this.#handle.look((connection) => connection.all<ListRow>(sql.list));
    return rows.map((row) => ({
      name: row.Name,
      owner: row.Owner,
      fence: row.Fence,
      acquiredUtc: dateOrNull(row.AcquiredUtc),
      renewedUtc: dateOrNull(row.RenewedUtc),
      expiresUtc: dateOrNull(row.ExpiresUtc),
      context: row.Context,
      held: row.Owner !== null && row.ExpiresUtc !== null && row.ExpiresUtc > row.Now,
    }));
  }
}

interface ListRow extends LookRow {
  readonly Name: string;
  readonly Fence: number;
  readonly AcquiredUtc: number | null;
  readonly RenewedUtc: number | null;
  readonly Context: string | null;
}
