/** The round trip of a busy run (Q8, Q9): outcomes back, then the next batch or the end. */
import type { QueueName, SettleRequest, SettleResult } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import type { DatabaseHandle } from '../handle.ts';
import { giveLeaseBack, renewLease } from '../lease-store.ts';
import { wholeMs } from '../time.ts';
import { claim, nextDueInMs } from './claim.ts';
import { applyOutcomes } from './outcomes.ts';
import { purge } from './purge.ts';
import { type QueueTable, tableOf } from './records.ts';

export function settle(
  handle: DatabaseHandle,
  queue: QueueName,
  request: SettleRequest,
): Promise<SettleResult> {
  const table = tableOf[queue];
  return handle.write((connection, now): SettleResult => {
    const lost = applyOutcomes(connection, table, request, now);
    return { ...follow(connection, table, request, now), lost };
  });
}

function follow(
  connection: Connection,
  table: QueueTable,
  request: SettleRequest,
  now: number,
): Omit<SettleResult, 'lost'> {
  const { lease, leaseMs, then } = request;
  const isOurs =
    then.do === 'release' ? giveLeaseBack(connection, lease) : renewLease(connection, lease, now, leaseMs);
  if (!isOurs) {
    return { lease: 'lost', expiresInMs: 0, messages: [], more: false, nextDueInMs: null, purged: 0 };
  }
  const purged = purge(connection, table, request.retention, now);
  if (then.do !== 'claim') {
    const next = nextDueInMs(connection, table, now);
    const left = { messages: [], more: next === 0, nextDueInMs: next, purged };
    if (then.do === 'release') return { lease: 'released', expiresInMs: 0, ...left };
    return { lease: 'held', expiresInMs: wholeMs(leaseMs), ...left };
  }
  const { limit, maxBytes, solo } = then;
  const { messages, more } = claim(connection, table, { limit, maxBytes, solo, now, fence: lease.fence });
  const found = { messages, more, nextDueInMs: nextDueInMs(connection, table, now), purged };
  if (solo && messages.length === 0) {
    giveLeaseBack(connection, lease);
    return { lease: 'released', expiresInMs: 0, ...found };
  }
  return { lease: 'held', expiresInMs: wholeMs(leaseMs), ...found };
}
