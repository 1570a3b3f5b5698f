/** Q4: where a run's next claim starts, and when it looks at all due messages again. Q8: which calls need no list of outcomes. */

import type { ClaimedMessage, SettledMessage } from '../../../src/engine/message.ts';
import { KnownQueue } from '../../../src/engine/sqlserver/queue/known-queue.ts';
import type { Claim, SettleRequest } from '../../../src/engine/work-queue.ts';

const from = new Date('2026-01-02T03:04:05.060Z');
const later = new Date('2026-01-02T03:04:06.000Z');
const callId = 'the call';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const message = (sequence: number, other: Partial<ClaimedMessage> = {}) =>
  ({
    sequence,
    messageId: `id ${sequence}`,
    orderingKey: null,
    recovered: false,
    ...other,
  }) as ClaimedMessage;

const claimOf = (messages: ClaimedMessage[], other: Partial<Claim> = {}) => ({
  messages,
  more: true,
  throttled: false,
  purged: 0,
  ...other,
});

function known(): KnownQueue {
  const queue = new KnownQueue(1);
  queue.claimed(claimOf([message(1), message(2, { orderingKey: 'K' })]), 2, callId);
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

const settling = (outcomes: readonly Partial<SettledMessage>[], call: 'claim' | 'renew-lease' = 'claim') =>
  // biome-ignore lint/suspicious/noThenProperty: the seam's word
  ({ outcomes, then: { do: call } }) as SettleRequest;
const done = (sequence: number, messageId = `id ${sequence}`) =>
  ({ sequence, messageId, kind: 'done' }) as const;

type AClaim = [messages: ClaimedMessage[], limit: number, other?: Partial<Claim>];

/** A run that has answers to calls with these claims. */
function after(...claims: readonly AClaim[]) {
  const queue = new KnownQueue(1);
  for (const [messages, limit, other] of claims) {
    queue.claimed(claimOf(messages, other), limit, callId);
    queue.answered({ FromUtc: from }, null, performance.now());
  }
  return queue;
}

test('Q8: the last claim is named when all of its plain batch is Done, also beside messages that another call has settled', () => {
  const queue = after([[message(1), message(2)], 2]);
  expect(queue.lastCallId(settling([done(1), done(2)]))).toBe(callId);
  // A renewal is a later call; the server then sees that the claim was not the last one.
  queue.answered({ FromUtc: from }, null, performance.now());
  expect(queue.lastCallId(settling([done(1), done(2)]))).toBe(callId);
  queue.settledElsewhere(1);
  expect(queue.lastCallId(settling([done(2)]))).toBe(callId);
});

test('Q8, Q10: the last claim is named when its messages have keys, and the call says so', () => {
  const queue = after([[message(1, { orderingKey: 'K' }), message(2)], 2]);
  expect(queue.lastCallId(settling([done(1), done(2)]))).toBe(callId);
  expect(queue.isKeyed).toBe(true);
  queue.settledElsewhere(1);
  expect(queue.isKeyed).toBe(false);
});

test('Q8: after two calls in a row that could not go the short way, none tries it until one has looked from the front', () => {
  const queue = after([[message(1)], 1]);
  for (const isShort of [false, true, false]) {
    queue.tried(isShort);
    expect(queue.lastCallId(settling([done(1)]))).toBe(callId);
  }
  queue.tried(false);
  expect(queue.lastCallId(settling([done(1)]))).toBeNull();
  queue.answered({ FromUtc: from }, queue.fromUtc, performance.now());
  expect(queue.lastCallId(settling([done(1)]))).toBeNull();
  queue.answered({ FromUtc: from }, null, performance.now());
  expect(queue.lastCallId(settling([done(1)]))).toBe(callId);
});

test('Q4, Q12: the last call is not named once a second, when a call must look from the front', () => {
  const queue = after([[message(1)], 1]);
  jest.advanceTimersByTime(999);
  expect(queue.lastCallId(settling([done(1)]))).toBe(callId);
  jest.advanceTimersByTime(1);
  expect(queue.lastCallId(settling([done(1)]))).toBeNull();
});

test.each<[when: string, claims: AClaim[], request: SettleRequest]>([
  ['nothing was claimed yet', [], settling([])],
  ['a message is still in flight', [[[message(1), message(2)], 2]], settling([done(1)])],
  ['a message was not claimed here', [[[message(1), message(2)], 2]], settling([done(1), done(3)])],
  ['a message is named twice', [[[message(1), message(2)], 2]], settling([done(1), done(1)])],
  [
    'a message was in flight beside the claim',
    [
      [[message(1)], 1],
      [[message(2)], 1],
    ],
    settling([done(1), done(2)]),
  ],
  ['a message has another id', [[[message(1)], 1]], settling([done(1, 'another')])],
  ['a message is tried again', [[[message(1)], 1]], settling([{ ...done(1), kind: 'retry', delayMs: 1 }])],
  ['the call claims nothing', [[[message(1)], 1]], settling([done(1)], 'renew-lease')],
  ['the batch was not full', [[[message(1)], 2]], settling([done(1)])],
  ['nothing more was due', [[[message(1)], 1, { more: false }]], settling([done(1)])],
  ['topics have no room', [[[message(1)], 1, { throttled: true }]], settling([done(1)])],
  ['messages were removed', [[[message(1)], 1, { purged: 1 }]], settling([done(1)])],
  ['the message was recovered', [[[message(1, { recovered: true })], 1]], settling([done(1)])],
])('Q8: the last call is not named when %s', (_, claims, request) => {
  expect(after(...claims).lastCallId(request)).toBeNull();
});
