/** Leases in a SQLite database (L1 to L3). */
import { randomUUID } from 'node:crypto';
import {
  type AcquireLease,
  type AcquireResult,
  type LeasedElsewhere,
  type LeaseRecord,
  type LeaseRef,
  type LeaseStore,
  type ListLeases,
  longestLeaseMs,
  type RenewResult,
} from '../lease-store.ts';
import { type Connection, nowSql } from './connection.ts';
import type { DatabaseHandle } from './handle.ts';
import { acceptedCount, acceptedTime, nextNumber } from './integers.ts';
import { clockToleranceMs, dateOrNull, wholeMs } from './time.ts';

/** The times of a `LookRow`. */
export const leaseTimes = `${acceptedTime('RenewedUtc')} AS RenewedUtc, ${acceptedTime('ExpiresUtc')} AS ExpiresUtc`;

const ofAcquisition = 'Name = ? AND Owner = ? AND Fence = ? AND AcquisitionId = ?';
const release = `UPDATE Leases SET Owner = NULL, ExpiresUtc = NULL, Context = NULL WHERE ${ofAcquisition}`;

const sql = {
  look: `SELECT Owner, ${leaseTimes}, ${nowSql} AS Now FROM Leases WHERE Name = ?`,
  acquire: `INSERT INTO Leases (Name, Owner, Fence, AcquisitionId, AcquiredUtc, RenewedUtc, ExpiresUtc, Context, CallId)
    VALUES (:name, :owner, 1, :id, :now, :now, :expires, :context, :callId)
    ON CONFLICT (Name) DO UPDATE SET Owner = excluded.Owner, Fence = ${nextNumber('Fence')}, AcquisitionId = excluded.AcquisitionId,
      AcquiredUtc = excluded.AcquiredUtc, RenewedUtc = excluded.RenewedUtc, ExpiresUtc = excluded.ExpiresUtc,
      Context = excluded.Context, CallId = excluded.CallId
    RETURNING Fence`,
  renew: `UPDATE Leases SET RenewedUtc = ?, ExpiresUtc = ? WHERE ${ofAcquisition}`,
  renewSince: `UPDATE Leases SET RenewedUtc = ?, ExpiresUtc = ?, CallId = ? WHERE ${ofAcquisition} AND CallId = ?`,
  release,
  releaseSince: `${release} AND CallId = ?`,
  drawIn: 'UPDATE Leases SET RenewedUtc = ?, ExpiresUtc = ? WHERE Name = ?',
  last: `SELECT Owner, ${leaseTimes}, ${nowSql} AS Now FROM Leases WHERE Name = ? AND Fence = ? AND AcquisitionId = ?`,
  list: `SELECT Name, Owner, ${acceptedCount('Fence')} AS Fence, AcquisitionId, ${acceptedTime('AcquiredUtc')} AS AcquiredUtc, ${leaseTimes}, Context, ${nowSql} AS Now
    FROM Leases`,
};

/** The rows of a query, by name. */
function listed({ name, after, limit, owned }: ListLeases): [text: string, ...values: (string | number)[]] {
  if (name !== undefined) return [`${sql.list} WHERE Name = ?`, name];
  const conditions = [...(after === undefined ? [] : ['Name > ?']), ...(owned ? ['Owner IS NOT NULL'] : [])];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  // A negative limit is none.
  return [
    `${sql.list}${where} ORDER BY Name LIMIT ? + 0`,
    ...(after === undefined ? [] : [after]),
    limit ?? -1,
  ];
}

/** The columns of a lease that tell who holds it, and for how long. */
export interface LookRow {
  readonly Owner: string | null;
  readonly RenewedUtc: number | null;
  readonly ExpiresUtc: number | null;
  readonly Now: number;
}

/** Undefined when nobody has ever taken the lease. */
export function readLease(connection: Connection, name: string): LookRow | undefined {
  return connection.get<LookRow>(sql.look, name);
}

/** The lease's current owner, if it is not `owner`; null when `owner` may take the lease. */
export function heldByAnother(
  { Owner: holder, RenewedUtc, ExpiresUtc, Now }: LookRow,
  owner: string,
): LeasedElsewhere | null {
  if (holder === null || ExpiresUtc === null || ExpiresUtc <= Now || holder === owner) return null;
  return { status: 'leased-elsewhere', owner: holder, expiresInMs: leftMs(RenewedUtc, ExpiresUtc, Now) };
}

/**
 * True if the lease was renewed at a later time than now, because the clock was set back since, or ends later than any
 * lease that an owner takes.
 */
export function lastsTooLong({ RenewedUtc, ExpiresUtc, Now }: LookRow): boolean {
  const isAfter = (utc: number | null, ms: number) => utc !== null && utc > Now + ms + clockToleranceMs;
  return isAfter(RenewedUtc, 0) || isAfter(ExpiresUtc, longestLeaseMs);
}

/**
 * As `heldByAnother`. Call it within a write transaction. After the clock was set back, the lease of a dead owner would
 * last longer than any lease, so its end is drawn in: it now ends after its own duration. If that is longer than an owner
 * can take a lease for, another program stored it, and it ends after the duration that is asked for now.
 */
export function takenByAnother(
  connection: Connection,
  { name, owner, durationMs }: AcquireLease,
): LeasedElsewhere | null {
  const row = readLease(connection, name);
  if (row === undefined) return null;
  const held = heldByAnother(row, owner);
  if (held === null || !lastsTooLong(row)) return held;
  const expiresInMs = held.expiresInMs > longestLeaseMs ? wholeMs(durationMs) : held.expiresInMs;
  connection.run(sql.drawIn, row.Now, row.Now + expiresInMs, name);
  return { ...held, expiresInMs };
}

/** A lease never lasts longer than its duration from now, whatever the clock was when it was renewed. */
function leftMs(renewedUtc: number | null, expiresUtc: number, now: number): number {
  return expiresUtc - Math.max(renewedUtc ?? now, now);
}

/**
 * Takes a lease that is known to be free. Call it within a write transaction.
 *
 * @param callId of the call that takes it for a run; see RunCalls
 */
export function takeLease(
  connection: Connection,
  request: AcquireLease,
  now: number,
  callId: number | null = null,
): LeaseRef {
  const { name, owner } = request;
  const acquisitionId = randomUUID();
  const values = {
    name,
    owner,
    id: acquisitionId,
    now,
    expires: now + wholeMs(request.durationMs),
    context: request.context ?? null,
    callId,
  };
  const { Fence: fence } = connection.prepare(sql.acquire).get(values) as { Fence: number };
  return { name, owner, fence, acquisitionId };
}

/** Returns false when this owner no longer has the lease. Call it within a write transaction. */
export function renewLease(
  connection: Connection,
  lease: LeaseRef,
  now: number,
  durationMs: number,
): boolean {
  const expires = now + wholeMs(durationMs);
  const { name, owner, fence, acquisitionId } = lease;
  return connection.run(sql.renew, now, expires, name, owner, fence, acquisitionId) === 1;
}

/** Returns false when this owner no longer has the lease. Call it within a write transaction. */
export function releaseLease(
  connection: Connection,
  { name, owner, fence, acquisitionId }: LeaseRef,
): boolean {
  return connection.run(sql.release, name, owner, fence, acquisitionId) === 1;
}

/** As `renewLease`, if `since` is the id of the last call that has renewed the lease; stores `callId` in its place. */
export function renewLeaseSince(
  connection: Connection,
  { name, owner, fence, acquisitionId }: LeaseRef,
  now: number,
  durationMs: number,
  { since, callId }: { readonly since: number; readonly callId: number },
): boolean {
  const expires = now + wholeMs(durationMs);
  const changed = connection.run(
    sql.renewSince,
    now,
    expires,
    callId,
    name,
    owner,
    fence,
    acquisitionId,
    since,
  );
  return changed === 1;
}

/** As `releaseLease`, if `since` is the id of the last call that has renewed the lease. */
export function releaseLeaseSince(
  connection: Connection,
  { name, owner, fence, acquisitionId }: LeaseRef,
  since: number,
): boolean {
  return connection.run(sql.releaseSince, name, owner, fence, acquisitionId, since) === 1;
}

/**
 * Whether this is the lease's last acquisition in the database, even if it was released or has run out since. False
 * after a newer acquisition, and after the database was restored to a time before this one.
 */
export function isLastAcquisition(connection: Connection, lease: LeaseRef): boolean {
  return lastAcquisition(connection, lease) !== undefined;
}

function lastAcquisition(
  connection: Connection,
  { name, fence, acquisitionId }: LeaseRef,
): LookRow | undefined {
  return connection.get<LookRow>(sql.last, name, fence, acquisitionId);
}

/** Milliseconds until the owner's lease runs out; infinite if it has run out, or another owner has the lease. */
export function expiresInMs(connection: Connection, lease: LeaseRef): number {
  const row = lastAcquisition(connection, lease);
  if (row?.Owner !== lease.owner || row.ExpiresUtc === null) return Number.POSITIVE_INFINITY;
  const left = leftMs(row.RenewedUtc, row.ExpiresUtc, row.Now);
  return left > 0 ? left : Number.POSITIVE_INFINITY;
}

export class SqliteLeaseStore implements LeaseStore {
  readonly #handle: DatabaseHandle;

  constructor(handle: DatabaseHandle) {
    this.#handle = handle;
  }

  async acquire(request: AcquireLease): Promise<AcquireResult> {
    // If another owner has the lease, most attempts end here, without taking the write lock from that owner.
    const row = await this.#handle.look((connection) => readLease(connection, request.name));
    const held = row === undefined || lastsTooLong(row) ? null : heldByAnother(row, request.owner);
    if (held !== null) return held;
    return this.#handle.write((connection, now) => {
      const taken = takenByAnother(connection, request);
      if (taken !== null) return taken;
      const { fence, acquisitionId } = takeLease(connection, request, now);
      const expiresInMs = wholeMs(request.durationMs);
      return {
        status: 'acquired',
        fence,
        acquisitionId,
        expiresInMs,
        expiresUtc: new Date(now + expiresInMs),
      };
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

  async list(query: ListLeases = {}): Promise<LeaseRecord[]> {
    const rows = await this.#handle.look((connection) => connection.all<ListRow>(...listed(query)));
    return rows.map((row) => ({
      name: row.Name,
      owner: row.Owner,
      fence: row.Fence,
      acquisitionId: row.AcquisitionId,
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
  readonly AcquisitionId: string | null;
  readonly AcquiredUtc: number | null;
  readonly RenewedUtc: number | null;
  readonly Context: string | null;
}
