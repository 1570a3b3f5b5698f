/** The start of a run (Q9): lease, recovery of a crashed run's messages, retention and the first batch, in one call. */
import type { BeginRequest, BeginResult, Parked, QueueName } from '../../work-queue.ts';
import { queueLeaseName } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import {
  heldByAnother,
  lastsTooLong,
  readLease,
  releaseLease,
  takeLease,
  takenByAnother,
} from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import type { EmptyLook } from '../unchanged-files.ts';
import { claim } from './claim.ts';
import { counted } from './counts.ts';
import { drawInDueTimes } from './due-times.ts';
import { addKey, type GroupKeys, keyColumn, unblockHeads } from './ordering.ts';
import { makeParkedDue, readParked } from './parked.ts';
import { readPresence } from './presence.ts';
import { isPurgeDue, purge } from './purge.ts';
import type { QueueMemory } from './queue-memory.ts';
import { perTable, type QueueTable, tableOf } from './records.ts';
import { nextDueOf, readLeft, restOf } from './rest.ts';
import { nextCallId } from './run-calls.ts';
import type { TopicWalks } from './topics.ts';

const statements = perTable((table) => ({
  recover: `UPDATE ${table} INDEXED BY ${table}_Claimed
    SET Status = 0, Recovered = 1, ClaimFence = NULL, Blocked = OrderingKey IS NOT NULL
    WHERE Status = 1 RETURNING ${keyColumn}`,
}));

const noneParked: Parked = { topics: [], more: false };

/**
 * Returns the answer if another run has the lease or the tenant is idle; returns null when `begin` must write. This
 * function only reads. It takes neither a lock nor the lease, so the fence does not change, and it needs no fsync. Its
 * statements are those of `begin` and of the counts: a database that was not open prepares no others. Call it within a read
 * transaction.
 *
 * @param onEmpty called when the queue has no message but Done ones
 */
export function beginByReading(
  connection: Connection,
  queue: QueueName,
  request: BeginRequest,
  walks: TopicWalks,
  onEmpty: (look: EmptyLook) => void = () => {},
): BeginResult | null {
  const table = tableOf[queue];
  const lease = readLease(connection, queueLeaseName(queue));
  const holder = lease === undefined ? null : heldByAnother(lease, request.owner);
  if (holder !== null) return lastsTooLong(lease!) ? null : holder;
  const now = lease?.Now ?? connection.now();
  const left = readLeft(connection, table, now);
  const nextDueUtc = nextDueOf(left);
  const isDue = left.throttled || left.isAhead || (nextDueUtc !== null && nextDueUtc <= now);
  // When this owner already has the lease, `begin` takes it again, which ends the owner's earlier run (L2).
  const isHeld = lease !== undefined && lease.ExpiresUtc !== null && lease.ExpiresUtc > now;
  if (isDue || isHeld || isPurgeDue(left, request.retention, now)) return null;
  const presence = readPresence(connection, table);
  if (presence.claimed) return null;
  const parked = presence.parked
    ? readParked(connection, table, request.handled ?? [], walks.Parked, now)
    : noneParked;
  if (parked.more) return null;
  if (nextDueUtc === null && !presence.dead && !presence.grouped) {
    onEmpty({ now, oldestDoneUtc: left.oldestDoneUtc });
  }
  const rest = { nextDueInMs: nextDueUtc === null ? null : nextDueUtc - now, throttled: false };
  const none = { messages: [], more: false, onlySolo: false, purged: 0, recovered: 0, nowUtc: new Date(now) };
  return { status: 'idle', ...none, ...rest, parked, ...counted(connection, table, now, rest, presence) };
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
  const presence = readPresence(connection, table);
  const recovered = presence.claimed ? recover(connection, table) : 0;
  const parked =
    presence.parked || recovered > 0
      ? makeParkedDue(connection, table, request.handled ?? [], walks.Parked, now)
      : noneParked;
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
  const rest = { nextDueInMs, throttled };
  const more = claimed.more || drewIn;
  const found = { ...claimed, ...rest, more, purged, nowUtc: new Date(now), recovered, parked };
  if (claimed.messages.length === 0) {
    releaseLease(connection, lease);
    return { status: 'idle', ...found, ...counted(connection, table, now, rest) };
  }
  return { status: 'claimed', ...found, lease, expiresInMs: wholeMs(request.durationMs) };
}
