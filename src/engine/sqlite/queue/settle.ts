/** The round trip of a busy run (Q8, Q9): applies the outcomes, then claims the next batch, renews or releases. */
import type { SettleRequest, SettleResult } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { releaseLease, renewLease } from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import { claim, nextDueInMs } from './claim.ts';
import { applyOutcomes } from './outcomes.ts';
import { purge } from './purge.ts';
import type { QueueTable } from './records.ts';

/** Call it within a write transaction. */
export function settle(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  now: number,
): SettleResult {
  const unmatched = applyOutcomes(connection, table, request, now);
  return { ...claimRenewOrRelease(connection, table, request, now), unmatched };
}

function claimRenewOrRelease(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  now: number,
): Omit<SettleResult, 'unmatched'> {
  const { lease, leaseMs, then } = request;
  const isOurs =
    then.do === 'release-lease'
      ? releaseLease(connection, lease)
      : renewLease(connection, lease, now, leaseMs);
  if (!isOurs) {
    return { lease: 'lost', expiresInMs: 0, messages: [], more: false, nextDueInMs: null, purged: 0 };
  }
  const purged = purge(connection, table, request.retention, now);
  if (then.do !== 'claim') {
    const next = nextDueInMs(connection, table, now);
    const left = { messages: [], more: next === 0, nextDueInMs: next, purged };
    if (then.do === 'release-lease') return { lease: 'released', expiresInMs: 0, ...left };
    return { lease: 'renewed', expiresInMs: wholeMs(leaseMs), ...left };
  }
  const { limit, maxBytes, solo } = then;
  const { messages, more } = claim(connection, table, { limit, maxBytes, solo, now, fence: lease.fence });
  const found = { messages, more, nextDueInMs: nextDueInMs(connection, table, now), purged };
  if (solo && messages.length === 0) {
    releaseLease(connection, lease);
    return { lease: 'released', expiresInMs: 0, ...found };
  }
  return { lease: 'renewed', expiresInMs: wholeMs(leaseMs), ...found };
}
