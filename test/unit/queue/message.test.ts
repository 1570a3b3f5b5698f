import { runInNewContext } from 'node:vm';
import { validate, version } from 'uuid';
import { messageLimits } from '../../../src/engine/message.ts';
import { isMultiOutboxError } from '../../../src/errors.ts';
import {
  checkedText,
  type MessageInput,
  newMessage,
  newMessages,
  trimmedText,
} from '../../../src/queue/message.ts';
import { longestDelayMs } from '../../../src/queue/retry.ts';

const good: MessageInput = { topic: 'orders', payload: { id: 1 } };

function refusal(input: unknown, place?: string): string {
  try {
    newMessage(input as MessageInput, { ...(place !== undefined && { place }) });
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_MESSAGE')) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('what a message may hold (Q3, Q14)', () => {
  test('Q1: it gets a time-ordered UUID of its own, or keeps the one given', () => {
    const [first, second] = [newMessage(good), newMessage(good)];
    expect(validate(first.messageId) && version(first.messageId)).toBe(7);
    expect(second.messageId > first.messageId).toBe(true);
    expect(newMessage({ ...good, messageId: 'A987FBC9-4BED-4078-9F07-9141BA07C9F3' }).messageId).toBe(
      'a987fbc9-4bed-4078-9f07-9141ba07c9f3',
    );
  });

  test('Q14: text is kept as it is, anything else as JSON', () => {
    const payloads: [unknown, string][] = [
      ['', ''],
      [' {"a": 1}\n', ' {"a": 1}\n'],
      ['\u0000\u{1F600}é', '\u0000\u{1F600}é'],
      [{ a: [1, null] }, '{"a":[1,null]}'],
      [null, 'null'],
      [0, '0'],
      [false, 'false'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      // JSON.stringify escapes the lone surrogate, so that it survives.
      [{ lone: '\ud800' }, '{"lone":"\\ud800"}'],
    ];
    for (const [payload, text] of payloads) expect(newMessage({ ...good, payload }).payload).toBe(text);
  });

  test('Q15: what no run would read is refused: a payload and headers of more than 64 MiB', () => {
    const limit = messageLimits.contentBytes;
    // Two bytes for each character, as SQL Server stores it; é and 円 have two and three bytes in UTF-8.
    for (const payload of ['x'.repeat(limit / 2), 'é'.repeat(limit / 2), '円'.repeat(limit / 3)])
      expect(newMessage({ ...good, payload }).payload).toHaveLength(payload.length);
    for (const payload of ['x'.repeat(limit / 2 + 1), '円'.repeat(limit / 3 + 1)])
      expect(refusal({ ...good, payload })).toMatch(
        /at most 67108864 are allowed; store the content elsewhere/,
      );
    const headers = { note: 'x'.repeat(1_000) };
    expect(refusal({ ...good, payload: 'x'.repeat(limit / 2 - 1_000), headers })).toMatch(/67108864/);
  });

  test('absent fields stay absent; delays become milliseconds', () => {
    expect(newMessage({ ...good, messageId: 'a987fbc9-4bed-4078-9f07-9141ba07c9f3' })).toStrictEqual({
      messageId: 'a987fbc9-4bed-4078-9f07-9141ba07c9f3',
      topic: 'orders',
      payload: '{"id":1}',
      dueInMs: 0,
    });
    expect(newMessage({ ...good, delay: '5m' }).dueInMs).toBe(300_000);
    expect(newMessage({ ...good, delay: 0.4 }).dueInMs).toBe(0);
    expect(newMessage({ ...good, delay: longestDelayMs }).dueInMs).toBe(longestDelayMs);
  });

  test('Q1: the fields given are kept', () => {
    const fields = { correlationId: 'c', orderingKey: 'o', dedupKey: 'd', headers: { own: 'x' } };
    expect(newMessage({ ...good, ...fields })).toMatchObject(fields);
  });

  test("headers are copied: a later change of the caller's object does not reach the message", () => {
    const headers = { traceparent: '00-a-b-01' };
    const message = newMessage({ ...good, headers });
    headers.traceparent = 'changed';
    expect(message.headers).toEqual({ traceparent: '00-a-b-01' });
  });

  class Money {
    readonly cents: number;
    constructor(cents: number) {
      this.cents = cents;
    }
  }

  test('Q14, Q15: JSON values, and objects that say what JSON holds of them, are kept', () => {
    class Euro extends Money {
      toJSON() {
        return { euro: this.cents / 100 };
      }
    }
    const bare = Object.assign(Object.create(null), { b: 1 });
    const elsewhere = runInNewContext('({ c: [{}] })');
    const payload = { at: new Date(0), paid: new Euro(150), bare, elsewhere, boxed: Object('x'), none: null };
    expect(newMessage({ ...good, payload }).payload).toBe(
      '{"at":"1970-01-01T00:00:00.000Z","paid":{"euro":1.5},"bare":{"b":1},"elsewhere":{"c":[{}]},"boxed":"x","none":null}',
    );
  });

  test('Q15: a field that is undefined is absent, and -0 is the number 0', () => {
    const payload = { a: undefined, b: -0, c: [{ d: undefined }, null] };
    expect(newMessage({ ...good, payload }).payload).toBe('{"b":0,"c":[{},null]}');
  });

  test('Q15: a refusal names the class and the place in the payload, but no value', () => {
    const message = refusal({ ...good, payload: { owner: { tokens: new Set(['secret-token']) } } });
    expect(message).toContain(
      "the payload has at 'owner.tokens' an object of class Set, which JSON does not hold",
    );
    expect(message).not.toContain('secret-token');
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const bad: [string, unknown, string][] = [
    ['nothing', undefined, 'not an object'],
    ['null', null, 'not an object'],
    ['text', 'orders', 'not an object'],
    ['a list', [good], "'0' is not a field of a message"],
    ['a misspelt field', { ...good, orderingkey: 'k' }, "(did you mean 'orderingKey'?)"],
    ['an option among the fields', { ...good, transaction: {} }, "'transaction' is not a field of a message"],
    ['no topic', { payload: 1 }, 'topic must be text'],
    ['an empty topic', { ...good, topic: '' }, 'topic must be text'],
    ['a blank topic', { ...good, topic: ' \t' }, 'topic must be text'],
    ['a topic with a blank at its end', { ...good, topic: 'orders ' }, 'topic must not begin or end with'],
    [
      'a topic with a blank at its start',
      { ...good, topic: '\u00a0orders' },
      'topic must not begin or end with',
    ],
    ['a topic that is not text', { ...good, topic: 7 }, 'topic must be text'],
    ['a topic of 201 characters', { ...good, topic: 'x'.repeat(201) }, 'topic has 201 characters'],
    ['a topic with a line break', { ...good, topic: 'a\nb' }, 'topic must not contain control'],
    ['a topic with half a character', { ...good, topic: 'a\ud800' }, 'topic is not well-formed'],
    ['no payload', { topic: 'orders' }, 'the payload is missing'],
    ['a function for payload', { ...good, payload: () => 1 }, 'the payload is missing'],
    ['a circular payload', { ...good, payload: circular }, 'cannot be written as JSON'],
    ['a Map', { ...good, payload: new Map([['a', 1]]) }, 'the payload is an object of class Map'],
    [
      'a Set in the payload',
      { ...good, payload: { a: [1, { tags: new Set() }] } },
      "has at 'a.1.tags' an object",
    ],
    ['NaN', { ...good, payload: Number.NaN }, 'the payload is the number NaN'],
    ['NaN in the payload', { ...good, payload: { a: { b: Number.NaN } } }, "has at 'a.b' the number NaN"],
    ['an infinite number', { ...good, payload: [1, -Infinity] }, "has at '1' the number -Infinity"],
    ['a boxed NaN', { ...good, payload: { a: Object(Number.NaN) } }, "has at 'a' the number NaN"],
    ['an invalid date', { ...good, payload: { at: new Date('x') } }, "has at 'at' an invalid date"],
    [
      'undefined in a list',
      { ...good, payload: { a: [1, undefined] } },
      "has at 'a.1' an item that is undefined",
    ],
    ['a hole in a list', { ...good, payload: Array(1) }, "has at '0' an item that is undefined"],
    ['a function in the payload', { ...good, payload: { a: [() => 1] } }, "has at 'a.0' a function"],
    ['a method in the payload', { ...good, payload: { a() {} } }, "has at 'a' a function"],
    ['a symbol in the payload', { ...good, payload: { a: Symbol('x') } }, "has at 'a' a symbol"],
    ['a BigInt in the payload', { ...good, payload: { a: 1n } }, 'look for a cycle or a BigInt'],
    ['an instance', { ...good, payload: { paid: new Money(1) } }, "has at 'paid' an object of class Money"],
    ['an error in the payload', { ...good, payload: { failed: new TypeError('x') } }, 'of class TypeError'],
    ['a promise', { ...good, payload: Promise.resolve(1) }, 'of class Promise'],
    ['bytes', { ...good, payload: new Uint8Array(2) }, 'of class Uint8Array'],
    ['a BigInt in the payload', { ...good, payload: { n: 1n } }, 'cannot be written as JSON'],
    ['half a character in the payload', { ...good, payload: 'a\udc00' }, 'well-formed'],
    ['a message id that is no UUID', { ...good, messageId: 'order-1' }, 'messageId must be a UUID'],
    ['a message id that is not text', { ...good, messageId: 1 }, 'messageId must be a UUID'],
    ['an empty ordering key', { ...good, orderingKey: '' }, 'orderingKey must be text'],
    ['an ordering key of 201 characters', { ...good, orderingKey: 'k'.repeat(201) }, 'orderingKey has 201'],
    ['a dedup key that is null', { ...good, dedupKey: null }, 'dedupKey must be text'],
    ['a correlation id with a NUL', { ...good, correlationId: 'a\u0000' }, 'correlationId must not contain'],
    ['headers that are not an object', { ...good, headers: 'a=b' }, 'headers must be an object'],
    ['headers as a Map', { ...good, headers: new Map([['a', 'b']]) }, 'Object.fromEntries'],
    ['headers as a list', { ...good, headers: ['a'] }, 'headers must be an object'],
    ['headers null', { ...good, headers: null }, 'headers must be an object'],
    ['a header that is not text', { ...good, headers: { 'x-n': 1 } }, 'header "x-n" must be text'],
    ['a header without a name', { ...good, headers: { '': 'x' } }, "a header's name is empty"],
    ["a header's name with half a character", { ...good, headers: { '\ud800': 'x' } }, "a header's name"],
    ['a header with half a character', { ...good, headers: { a: '\ud800' } }, 'header "a" must be text'],
    ['a negative delay', { ...good, delay: -1 }, 'delay must be'],
    ['a delay that is not a number', { ...good, delay: Number.NaN }, 'delay must be'],
    ['a delay without end', { ...good, delay: Number.POSITIVE_INFINITY }, 'delay must be'],
    ['a delay past 10 years', { ...good, delay: '11y' }, 'delay must be'],
    ['a delay a millisecond too long', { ...good, delay: longestDelayMs + 1 }, 'delay must be'],
    ['a delay in words', { ...good, delay: 'soon' }, 'delay must be'],
    ['a delay as a list', { ...good, delay: ['5m'] }, 'delay must be'],
    ['a delay null', { ...good, delay: null }, 'delay must be'],
  ];
  test.each(bad)('refuses %s', (_, input, named) => {
    expect(refusal(input)).toContain(named);
  });

  test('Q14: names at their limit are accepted, with the database’s way of counting', () => {
    expect(newMessage({ ...good, topic: 'x'.repeat(200), orderingKey: 'k'.repeat(200) }).topic).toHaveLength(
      200,
    );
  });

  test('a refusal among several names the place, and never the payload', () => {
    const message = refusal({ topic: '', payload: 'secret-token' }, ' at index 3');
    expect(message).toMatch(/^The message at index 3 cannot be enqueued: /);
    expect(message).not.toContain('secret-token');
  });

  test('Q3: only with several messages does a refusal name an index', () => {
    const bad = { topic: '', payload: 1 };
    const message = (input: MessageInput | MessageInput[]) => {
      try {
        newMessages(input);
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    expect(message(bad)).toMatch(/^The message cannot be enqueued: /);
    expect(message([bad])).toMatch(/^The message cannot be enqueued: /);
    expect(message([good, bad])).toMatch(/^The message at index 1 cannot be enqueued: /);
  });

  test('I2: a key is text within its limit; one that is compared has no blank at either end', () => {
    const attempted = { verb: 'received' };
    expect(checkedText('source', ' shop ', attempted)).toBe(' shop ');
    expect(trimmedText('source', 'my shop', attempted)).toBe('my shop');
    expect(() => checkedText('source', 'x'.repeat(201), attempted)).toThrow(
      'The message cannot be received: source has 201',
    );
    for (const blank of [' shop', 'shop ', '\u00a0shop'])
      expect(() => trimmedText('source', blank, attempted)).toThrow('source must not begin or end');
  });
});
