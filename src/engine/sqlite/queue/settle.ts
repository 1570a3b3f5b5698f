/** The round trip of a busy run (Q8, Q9): applies the outcomes, then claims the next batch, renews or releases. */
import type { SettleRequest, SettleResult } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { releaseLease, renewLease } from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import { claim } from './claim.ts';
import { countStored } from './counts.ts';
import { applyOutcomes } from './outcomes.ts';
import { purge } from './purge.ts';
import type { QueueTable } from './records.ts';
import { restOf } from './rest.ts';
import type { TopicWalks } from './topics.ts';

/** Call it within a write transaction. */
export function settle(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  walks: TopicWalks,
  now: number,
): SettleResult {
  const unmatched = applyOutcomes(connection, table, request, now);
  return { ...claimRenewOrRelease(connection, table, request, walks, now), unmatched };
}

function claimRenewOrRelease(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  walks: TopicWalks,
  now: number,
): Omit<SettleResult, 'unmatched'> {
  const { lease, leaseMs, then } = request;
  const isOurs =
    then.do === 'release-lease'
      ? releaseLease(connection, lease)
      : renewLease(connection, lease, now, leaseMs);
  if (!isOurs) {
    const none = {
      messages: [],
      more: false,
      throttled: false,
      onlySolo: false,
      nextDueInMs: null,
      purged: 0,
    };
    return { lease: 'lost', expiresInMs: 0, ...none };
  }
  const purged = purge(connection, table, request.retention, now);
  if (then.do !== 'claim') {
    const isReleased = then.do === 'release-lease';
    const { isDue, nextDueInMs, throttled } = restOf(connection, table, now);
    const more = isDue || (isReleased && throttled);
    const left = { messages: [], more, onlySolo: false, nextDueInMs, throttled, purged };
    if (isReleased) {
      const stored = countStored(connection, table, now);
      return { lease: 'released', expiresInMs: 0, ...left, stored };
    }
    return { lease: 'renewed', expiresInMs: wholeMs(leaseMs), ...left };
  }
  const claimed = claim(connection, table, { ...then, walk: walks.Throttled, now, fence: lease.fence });
  const { nextDueInMs, throttled, drewIn } = restOf(connection, table, now);
  const found = { ...claimed, more: claimed.more || drewIn, nextDueInMs, throttled, purged };
  // If due times were drawn in, the next claim takes their messages.
  if (then.solo && claimed.messages.length === 0 && !drewIn) {
    releaseLease(connection, lease);
    const stored = countStored(connection, table, now);
    return { lease: 'released', expiresInMs: 0, ...found, more: claimed.more || throttled, stored };
  }
  return { lease: 'renewed', expiresInMs: wholeMs(leaseMs), ...found };
}
