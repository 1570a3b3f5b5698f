/** The round trip of a busy run (Q8, Q9): applies the outcomes, then claims the next batch, renews or releases. */
import type { SettleRequest, SettleResult } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { isLastAcquisition, releaseLease, renewLease } from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import { claim } from './claim.ts';
import { counted } from './counts.ts';
import { applyOutcomes } from './outcomes.ts';
import { purge } from './purge.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { QueueTable } from './records.ts';
import { readLeft, restOf } from './rest.ts';
import type { TopicWalks } from './topics.ts';

/** Call it within a write transaction. */
export function settle(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  { walks, calls }: QueueMemory,
  now: number,
): SettleResult {
  const { lease, leaseMs, outcomes, onDead, then } = request;
  const nowUtc = new Date(now);
  const isReleasing = then.do === 'release-lease';
  const isUnbroken = isReleasing
    ? calls.release(connection, lease)
    : calls.renew(connection, lease, now, leaseMs);
  const isOurs =
    isUnbroken ||
    (isReleasing ? releaseLease(connection, lease) : renewLease(connection, lease, now, leaseMs));
  const isLast = isOurs || isLastAcquisition(connection, lease);
  const unmatched = applyOutcomes(connection, table, { lease, outcomes, onDead, now, isLast, isUnbroken });
  if (!isOurs) {
    const none = {
      messages: [],
      more: false,
      throttled: false,
      onlySolo: false,
      nextDueInMs: null,
      purged: 0,
      nowUtc,
    };
    return { lease: 'lost', expiresInMs: 0, ...none, unmatched };
  }
  return claimOrLeave(connection, table, request, unmatched, walks, now);
}

/** What is left when a message is due, and nothing else is. */
const dueNow = {
  nextDueInMs: 0,
  throttled: false,
  drewIn: false,
};

/** The lease was renewed, or released. */
function claimOrLeave(
  connection: Connection,
  table: QueueTable,
  { lease, leaseMs, retention, then }: SettleRequest,
  unmatched: number[],
  walks: TopicWalks,
  now: number,
): SettleResult {
  const nowUtc = new Date(now);
  const left = readLeft(connection, table, now);
  const purged = purge(connection, table, retention, left, now);
  if (then.do !== 'claim') {
    const isReleased = then.do === 'release-lease';
    const { isDue, nextDueInMs, throttled } = restOf(connection, table, now, left);
    const more = isDue || (isReleased && throttled);
    const rest = { messages: [], more, onlySolo: false, nextDueInMs, throttled, purged, nowUtc, unmatched };
    if (isReleased) {
      return { lease: 'released', expiresInMs: 0, ...rest, ...counted(connection, table, now) };
    }
    return { lease: 'renewed', expiresInMs: wholeMs(leaseMs), ...rest };
  }
  const claimed = claim(connection, table, {
    limit: then.limit,
    maxBytes: then.maxBytes,
    rooms: then.rooms,
    solo: then.solo,
    together: then.together,
    walk: walks.Throttled,
    now,
    fence: lease.fence,
    throttled: left.throttled,
    // A throttled message that the claim puts back may be a delayed one.
    isDelayedDue: left.throttled || (left.delayedUtc !== null && left.delayedUtc <= now),
  });
  // A busy run need not read again that there is more.
  const isKnown = claimed.isDueLeft && !left.throttled && !left.isAhead && then.rooms === undefined;
  const { nextDueInMs, throttled, drewIn } = isKnown ? dueNow : restOf(connection, table, now);
  const { messages, onlySolo } = claimed;
  const more = claimed.more || drewIn;
  // If due times were drawn in, the next claim takes their messages.
  if (then.solo && messages.length === 0 && !drewIn) {
    releaseLease(connection, lease);
    const last = {
      messages,
      more: more || throttled,
      onlySolo,
      nextDueInMs,
      throttled,
      purged,
      nowUtc,
      unmatched,
    };
    return { lease: 'released', expiresInMs: 0, ...last, ...counted(connection, table, now) };
  }
  // Spelled out: to copy objects of several kinds takes some microseconds, and a busy run comes here at each call.
  return {
    lease: 'renewed',
    expiresInMs: wholeMs(leaseMs),
    messages,
    more,
    onlySolo,
    nextDueInMs,
    throttled,
    purged,
    nowUtc,
    unmatched,
  };
}
