/** The start of a run (Q9): lease, recovery of a crashed run's messages, retention and the first batch, in one call. */
import type { BeginRequest, BeginResult, QueueName } from '../../work-queue.ts';
import { queueLeaseName } from '../../work-queue.ts';
import { type Connection, nowSql } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import {
  heldByAnother,
  type LookRow as LeaseRow,
  lastsTooLong,
  leaseTimes,
  releaseLease,
  takeLease,
  takenByAnother,
} from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import { claim } from './claim.ts';
import { counted, nothingStored } from './counts.ts';
import { anyAheadSql, drawInDueTimes } from './due-times.ts';
import { addKey, type GroupKeys, keyColumn, unblockHeads } from './ordering.ts';
import { makeParkedDue, readParked } from './parked.ts';
import { purge } from './purge.ts';
import type { QueueMemory } from './queue-memory.ts';
import { perTable, type QueueTable, tableOf } from './records.ts';
import { readLeft, restOf } from './rest.ts';
import { nextCallId } from './run-calls.ts';
import { type TopicWalks, topicIndexes } from './topics.ts';
import { nextDueSql } from './unblocked.ts';

const statements = perTable((table) => ({
  /** Reads without a lock, in one statement, whether a run has anything to do. */
  look: `SELECT Now, Owner, ${leaseTimes}, ExpiresUtc > Now AS Held,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Claimed WHERE Status = 1) AS Claimed,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled}) AS Throttled,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Parked WHERE ${topicIndexes.Parked}) AS Parked,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Dead WHERE Status = 3) AS Dead,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Group WHERE InGroup = 1 AND OrderingKey IS NOT NULL) AS Grouped,
      ${anyAheadSql(table, 'Now')} AS Ahead,
      (${nextDueSql(table)}) AS NextDueUtc,
      (SELECT ${acceptedTime('SettledUtc')} FROM ${table} INDEXED BY ${table}_Settled
        WHERE Status = 2 AND SettledUtc IS NOT NULL ORDER BY SettledUtc LIMIT 1) AS OldestDoneUtc
    FROM (SELECT ${nowSql} AS Now) LEFT JOIN Leases ON Name = ?`,
  recover: `UPDATE ${table} INDEXED BY ${table}_Claimed
    SET Status = 0, Recovered = 1, ClaimFence = NULL, Blocked = OrderingKey IS NOT NULL
    WHERE Status = 1 RETURNING ${keyColumn}`,
}));

interface LookRow extends LeaseRow {
  readonly Held: number | null;
  readonly Claimed: number;
  readonly Throttled: number;
  readonly Parked: number;
  readonly Dead: number;
  /** 1: there are messages with an ordering key that are not Done. */
  readonly Grouped: number;
  /** 1: a clock that was set back since has left a due time too far ahead. */
  readonly Ahead: number;
  readonly NextDueUtc: number | null;
  readonly OldestDoneUtc: number | null;
}

/**
 * Returns the answer if another run has the lease or the tenant is idle; returns null when `begin` must write. This
 * function only reads. It takes neither a lock nor the lease, so the fence does not change, and it needs no fsync.
 */
export function beginByReading(
  connection: Connection,
  queue: QueueName,
  request: BeginRequest,
  walks: TopicWalks,
): BeginResult | null {
  const table = tableOf[queue];
  const row = connection.get<LookRow>(statements[table].look, queueLeaseName(queue))!;
  const holder = heldByAnother(row, request.owner);
  if (holder !== null) return lastsTooLong(row) ? null : holder;
  const isDue = row.Ahead === 1 || (row.NextDueUtc !== null && row.NextDueUtc <= row.Now);
  const { retention } = request;
  const isOverdue =
    retention !== undefined &&
    row.OldestDoneUtc !== null &&
    row.OldestDoneUtc < row.Now - wholeMs(retention.doneMs);
  // When this owner already has the lease, `begin` takes it again, which ends the owner's earlier run (L2).
  if (row.Held === 1 || isDue || isOverdue || row.Claimed === 1 || row.Throttled === 1) return null;
  const parked =
    row.Parked === 1
      ? readParked(connection, table, request.handled ?? [], walks.Parked, row.Now)
      : { topics: [], more: false };
  if (parked.more) return null;
  const nextDueInMs = row.NextDueUtc === null ? null : row.NextDueUtc - row.Now;
  const none = {
    messages: [],
    more: false,
    throttled: false,
    onlySolo: false,
    purged: 0,
    recovered: 0,
    nowUtc: new Date(row.Now),
  };
  // A parked message has a due time or an ordering group.
  const isEmpty = row.NextDueUtc === null && row.Dead === 0 && row.Grouped === 0;
  const counts = isEmpty ? { stored: nothingStored } : counted(connection, table, row.Now);
  return { status: 'idle', ...none, nextDueInMs, parked, ...counts };
}

/**
 * Makes the messages that were claimed under older fences Ready again, and marks them as recovered (Q6, Q7). Returns
 * how many there were.
 */
function recover(connection: Connection, table: QueueTable): number {
  const rows = connection.all<{ OrderingKey: Uint8Array | null }>(statements[table].recover);
  const keys: GroupKeys = new Map();
  for (const row of rows) addKey(keys, row.OrderingKey);
  unblockHeads(connection, table, keys.values());
  return rows.length;
}

/** Call it within a write transaction. */
export function begin(
  connection: Connection,
  queue: QueueName,
  request: BeginRequest,
  { walks, calls }: QueueMemory,
  now: number,
): BeginResult {
  const table = tableOf[queue];
  const name = queueLeaseName(queue);
  const holder = takenByAnother(connection, { ...request, name });
  if (holder !== null) return holder;
  const callId = nextCallId();
  const lease = takeLease(connection, { ...request, name }, now, callId);
  calls.began(lease, callId);
  const recovered = recover(connection, table);
  const parked = makeParkedDue(connection, table, request.handled ?? [], walks.Parked, now);
  const left = readLeft(connection, table, now);
  const purged = purge(connection, table, request.retention, left, now);
  if (left.isAhead) drawInDueTimes(connection, table, now);
  const { fence } = lease;
  const { isDueLeft: _, ...claimed } = claim(connection, table, {
    ...request.claim,
    walk: walks.Throttled,
    now,
    fence,
    solo: true,
    throttled: left.throttled,
    isDelayedDue: left.throttled || (left.delayedUtc !== null && left.delayedUtc <= now),
  });
  const { nextDueInMs, throttled, drewIn } = restOf(connection, table, now);
  const more = claimed.more || drewIn;
  const nowUtc = new Date(now);
  const found = { ...claimed, more, nextDueInMs, throttled, purged, nowUtc, recovered, parked };
  if (claimed.messages.length === 0) {
    releaseLease(connection, lease);
    return { status: 'idle', ...found, ...counted(connection, table, now) };
  }
  return { status: 'claimed', ...found, lease, expiresInMs: wholeMs(request.durationMs) };
}
