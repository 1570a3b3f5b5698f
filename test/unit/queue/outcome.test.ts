import { runInNewContext } from 'node:vm';
import { MultiOutboxError } from '../../../src/errors.ts';
import { PermanentError, RetryAfter, Snooze } from '../../../src/queue/handler.ts';
import {
  outcomeOfError,
  outcomeOfExhausted,
  outcomeOfInterruption,
  outcomeOfUnhandledTopic,
  outcomeOfUnreadable,
} from '../../../src/queue/outcome.ts';
import { longestDelayMs, type RetryPolicy } from '../../../src/queue/retry.ts';
import { claimed } from '../../support/claimed.ts';

const policy: RetryPolicy = { maxAttempts: 3, baseMs: 1_000, maxDelayMs: 60_000 };
const half = () => 0.5;
const of = (thrown: unknown, attempt = 1) => outcomeOfError(thrown, attempt, policy, half);

describe('what a handler throws (D3)', () => {
  test('D3: PermanentError goes to Dead at the first attempt, with its message', () => {
    expect(of(new PermanentError('no such customer'))).toEqual({ kind: 'dead', error: 'no such customer' });
  });

  test('D3: a reason that is no text does not change the outcome that the handler named', () => {
    const body = { error: 1 } as never;
    expect(of(new PermanentError(body)).kind).toBe('dead');
    expect(of(new PermanentError(new Error('gone') as never))).toEqual({ kind: 'dead', error: 'gone' });
    expect(of(new Snooze(60_000, body))).toMatchObject({ kind: 'release', delayMs: 60_000 });
    expect(of(new RetryAfter('5m', undefined as never))).toMatchObject({ kind: 'retry', delayMs: 300_000 });
  });

  test('D3: Snooze releases the message after its delay, at any attempt', () => {
    expect(of(new Snooze(250, 'closed for lunch'), 99)).toEqual({
      kind: 'release',
      delayMs: 250,
      error: 'closed for lunch',
    });
  });

  test('D3: anything else is retried after backoff', () => {
    expect(of(new Error('503'))).toEqual({ kind: 'retry', delayMs: 500, error: '503' });
    expect(of(new Error('503'), 2)).toEqual({ kind: 'retry', delayMs: 1_000, error: '503' });
  });

  test('D3: the last attempt allowed goes to Dead', () => {
    expect(of(new Error('503'), 3)).toEqual({ kind: 'dead', error: '503' });
    expect(of(new RetryAfter(5, '429'), 3)).toEqual({ kind: 'dead', error: '429' });
  });

  test('D3: RetryAfter counts the attempt and waits at least its delay', () => {
    expect(of(new RetryAfter(9_000, '429'))).toEqual({ kind: 'retry', delayMs: 9_000, error: '429' });
    expect(of(new RetryAfter(100, '429'))).toEqual({ kind: 'retry', delayMs: 500, error: '429' });
    expect(of(new RetryAfter(-1, '429'))).toEqual({ kind: 'retry', delayMs: 500, error: '429' });
  });

  test('D3: subclasses, and errors of another copy of the library, mean the same', () => {
    class NoSuchCustomer extends PermanentError {}
    expect(of(new NoSuchCustomer('x')).kind).toBe('dead');
    const copy = Object.assign(new Error('later'), { name: 'Snooze', delayMs: 700 });
    expect(of(copy)).toEqual({ kind: 'release', delayMs: 700, error: 'later' });
    const realm = "Object.assign(new Error('never'), { name: 'PermanentError' })";
    expect(of(runInNewContext(realm))).toEqual({ kind: 'dead', error: 'never' });
  });

  test("D3: another library's Snooze that names no delay is an ordinary error", () => {
    for (const delayMs of [undefined, '5m', Number.NaN, null]) {
      expect(of(Object.assign(new Error('x'), { name: 'Snooze', delayMs })).kind).toBe('retry');
    }
  });

  test('D3: a policy without a delay retries at once, whatever the error', () => {
    const atOnce = { ...policy, baseMs: 0 };
    for (const thrown of [new Error('503'), new RetryAfter(0, '429')])
      expect(outcomeOfError(thrown, 1, atOnce, half)).toMatchObject({ kind: 'retry', delayMs: 0 });
    expect(new RetryAfter(-1, '429').delayMs).toBe(0);
  });

  test('D3: a snoozed message comes after a tenth of a second at the soonest, behind those that are due now', () => {
    for (const delayMs of [0, -0, 0.4, 99, -1, -86_400_000])
      expect(of(new Snooze(delayMs))).toMatchObject({ kind: 'release', delayMs: 100 });
    const foreign = Object.assign(new Error('x'), { name: 'Snooze', delayMs: -5 });
    expect(of(foreign)).toMatchObject({ kind: 'release', delayMs: 100 });
    expect(of(new Snooze(101))).toMatchObject({ delayMs: 101 });
  });

  test('D5, Q5: after a shutdown a handler may still ask for its outcome; any other error is a release', () => {
    expect(outcomeOfInterruption(new PermanentError('never'))).toEqual({ kind: 'dead', error: 'never' });
    expect(outcomeOfInterruption(new Snooze(700, 'later'))).toEqual({
      kind: 'release',
      delayMs: 700,
      error: 'later',
    });
    expect(outcomeOfInterruption(new Error('aborted'))).toMatchObject({ kind: 'release', delayMs: 0 });
  });

  test('D3: delays are whole milliseconds that a database can hold', () => {
    expect(of(new Snooze(100.6))).toMatchObject({ delayMs: 101 });
    expect(of(new Snooze(Number.MAX_VALUE))).toMatchObject({ delayMs: longestDelayMs });
    expect(of(new RetryAfter(Number.MAX_VALUE, '429'))).toMatchObject({ delayMs: longestDelayMs });
  });

  test('Snooze and RetryAfter refuse a value that is not a delay', () => {
    for (const delay of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new Snooze(delay)).toThrow(MultiOutboxError);
      expect(() => new RetryAfter(delay, '429')).toThrow(MultiOutboxError);
    }
  });

  const typed = (type: string) =>
    `A value of type ${type} was thrown; throw an Error, so that its message is kept.`;
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const odd: [string, unknown, string][] = [
    ['a string', 'it broke', typed('string')],
    ['the empty string', '', typed('string')],
    ['undefined', undefined, typed('undefined')],
    ['null', null, typed('null')],
    ['a number', 42, typed('number')],
    ['a symbol', Symbol('s'), typed('symbol')],
    ['an object', { status: 503 }, typed('object')],
    ['an object like an error', { message: 'from afar' }, typed('object')],
    ['a circular object', circular, typed('object')],
    ['a BigInt', 1n, typed('bigint')],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['an error whose message is not text', Object.assign(new Error('x'), { message: { a: 1 } }), 'Error'],
    ['an error of another realm', runInNewContext("new Error('elsewhere')"), 'elsewhere'],
    ['an error of another realm without a message', runInNewContext('new TypeError()'), 'TypeError'],
    ['an error of our own', new MultiOutboxError('ABORTED', 'stopped'), 'stopped'],
    [
      'an object that cannot be read',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
        },
      ),
      typed('object'),
    ],
  ];
  test.each(odd)('D3: %s is retried, with a text', (_, thrown, error) => {
    expect(of(thrown)).toEqual({ kind: 'retry', delayMs: 500, error });
  });
});

describe('topics without a handler (D4)', () => {
  test('D4: parking doubles the delay to its ceiling, and names the topic', () => {
    const delays = [0, 1, 2, 50].map((parks) => {
      const outcome = outcomeOfUnhandledTopic(claimed({ topic: 'lost', parks }), 'park', {
        baseMs: 30_000,
        maxDelayMs: 100_000,
      });
      expect(outcome).toMatchObject({ kind: 'release', parked: true });
      expect(outcome).toMatchObject({ error: expect.stringContaining("'lost'") });
      return outcome.kind === 'release' && outcome.delayMs;
    });
    expect(delays).toEqual([30_000, 60_000, 100_000, 100_000]);
  });

  test('D4: without a setting, the first delay is a second and the longest an hour', () => {
    const delayOf = (parks: number) => outcomeOfUnhandledTopic(claimed({ parks }), 'park');
    expect(delayOf(0)).toMatchObject({ delayMs: 1_000 });
    expect(delayOf(50)).toMatchObject({ delayMs: 3_600_000 });
  });

  test('D4: the error names the source of an inbox message', () => {
    const errorOf = (source: string | null) =>
      outcomeOfUnhandledTopic(claimed({ topic: 'lost', source }), 'park');
    expect(errorOf('shop')).toMatchObject({ error: expect.stringContaining("'lost' of source 'shop'") });
    expect(errorOf(null)).toMatchObject({ error: expect.stringContaining("topic 'lost'; register") });
  });

  test("D4: with 'dead' it goes to Dead, and no attempt is consumed", () => {
    expect(outcomeOfUnhandledTopic(claimed({ topic: 'lost' }), 'dead')).toMatchObject({
      kind: 'dead',
      unstarted: true,
      error: expect.stringContaining("'lost'"),
    });
  });
});

test('Q7: a message past its attempts goes to Dead unstarted, and its error says so', () => {
  expect(outcomeOfExhausted(claimed({ attempt: 4, recovered: true }), 3)).toEqual({
    kind: 'dead',
    unstarted: true,
    error:
      'The message was started 3 times (the maximum is 3), and each time the process ended or lost its lease before the message was settled; find the cause, then replay the message.',
  });
  expect(outcomeOfExhausted(claimed({ attempt: 6 }), 3)).toMatchObject({
    error:
      'The message was started 5 times (the maximum is 3), so it is not started again; raise the maximum, then replay the message.',
  });
});

test('Q15: a message whose row cannot be read goes to Dead unstarted, and the error says what to do', () => {
  expect(outcomeOfUnreadable('Headers is not JSON')).toEqual({
    kind: 'dead',
    unstarted: true,
    error:
      'The row cannot be read: Headers is not JSON. Correct it with SQL, then replay the message, or discard it.',
  });
});
