import { randomUUID } from 'node:crypto';
import type { ClaimedMessage } from '../../src/engine/message.ts';

let sequence = 0;

/** A message as a claim returns it, for tests of parts that need no database. */
export function claimed(fields: Partial<ClaimedMessage> = {}): ClaimedMessage {
  return {
    sequence: ++sequence,
    messageId: randomUUID(),
    topic: 'orders',
    payload: '{}',
    headers: {},
    correlationId: null,
    orderingKey: null,
    source: null,
    dedupKey: null,
    enqueuedUtc: new Date(0),
    dueUtc: new Date(0),
    attempt: 1,
    parks: 0,
    recovered: false,
    ...fields,
  };
}
