/** Q4: where a run's next claim starts, and when it looks at all due messages again. */

import type { ClaimedMessage } from '../../../src/engine/message.ts';
import { KnownQueue } from '../../../src/engine/sqlserver/queue/known-queue.ts';

const from = new Date('2026-01-02T03:04:05.060Z');
const later = new Date('2026-01-02T03:04:06.000Z');

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function known(): KnownQueue {
  const queue = new KnownQueue(1);
  queue.claimed([
    { sequence: 1, orderingKey: null },
    { sequence: 2, orderingKey: 'K' },
  ] as ClaimedMessage[]);
  queue.answered({ FromUtc: from }, null, performance.now());
  return queue;
}

test('Q4: a claim starts where the last answer says, in the server’s own time', () => {
  expect(new KnownQueue(1).fromUtc).toBeNull();
  const queue = known();
  expect(queue.fromUtc).toBe('2026-01-02T03:04:05.060');
  queue.answered({ FromUtc: later }, queue.fromUtc, performance.now());
  expect(queue.fromUtc).toBe('2026-01-02T03:04:06.000');
  queue.answered({ FromUtc: null }, queue.fromUtc, performance.now());
  expect(queue.fromUtc).toBeNull();
});

test('Q4: a second after the last look from the front, the next one begins, whatever came between', () => {
  const queue = known();
  jest.advanceTimersByTime(999);
  queue.answered({ FromUtc: later }, queue.fromUtc, performance.now());
  expect(queue.fromUtc).not.toBeNull();
  jest.advanceTimersByTime(1);
  expect(queue.fromUtc).toBeNull();
  queue.answered({ FromUtc: later }, null, performance.now());
  expect(queue.fromUtc).not.toBeNull();
});

test('Q4, Q10: after another call has settled a message with a key, the next claim looks from the front', () => {
  const queue = known();
  queue.settledElsewhere(1);
  expect(queue.fromUtc).not.toBeNull();
  const sentAt = performance.now();
  queue.settledElsewhere(2);
  expect(queue.fromUtc).toBeNull();
  expect([...queue.inFlight]).toEqual([]);
  // The answer to a call that was under way may not take the unblocked message into account.
  queue.answered({ FromUtc: later }, null, sentAt);
  expect(queue.fromUtc).toBeNull();
  jest.advanceTimersByTime(1);
  queue.answered({ FromUtc: later }, null, performance.now());
  expect(queue.fromUtc).not.toBeNull();
});
