import {
  defineHandler,
  defineInboxHandler,
  type Handler,
  type HandlerDefinition,
  RetryAfter,
  Snooze,
} from '../../../src/queue/handler.ts';
import { checkedHandlers, HandlerSet, handlerSets } from '../../../src/queue/handler-set.ts';
import { refusal } from '../../support/refusal.ts';

const handler = (topic: string) => defineHandler({ topic, handle() {} });

describe('the handlers of a queue (D4)', () => {
  test('D4: topics match case-insensitively', () => {
    const invoices = handler('Invoice.Create');
    const set = new HandlerSet([invoices, handler('mail.send')]);
    expect(set.find('INVOICE.create', null)).toBe(invoices);
    expect(set.find('invoice.created', null)).toBeUndefined();
    expect([...set].map(({ topic }) => topic)).toEqual(['Invoice.Create', 'mail.send']);
  });

  test('D4: two handlers for one topic are an error that names both', () => {
    const { code, message } = refusal(
      () => new HandlerSet([handler('a'), handler('Mail.Send'), handler('b'), handler('mail.SEND')]),
    );
    expect(code).toBe('DUPLICATE_HANDLER');
    expect(message).toContain("'Mail.Send' (handler 2)");
    expect(message).toContain("'mail.SEND' (handler 4 of 4)");
    expect(message).toContain("for one topic: 'Mail.Send'");
  });
});

describe('handlers of the inbox (I4)', () => {
  test('I4: a copy of an outbox handler is no handler of the inbox', () => {
    const copy = { ...defineHandler({ topic: 't', handle }) } as never;
    expect(() => defineInboxHandler(copy)).toThrow('is a copy of a handler of the outbox; use defineHandler');
  });

  const topic = 'order.paid';
  const handle = () => {};
  const any = defineInboxHandler({ topic, handle });
  const stripe = defineInboxHandler({ topic, source: 'stripe', handle });

  test('D1: each handler belongs to one queue, and a queue without handlers has no set', () => {
    const sets = handlerSets([handler(topic), any, stripe]);
    expect([...sets].map(([queue, set]) => [queue, [...set].length])).toEqual([
      ['outbox', 1],
      ['inbox', 2],
    ]);
    expect([...handlerSets([any]).keys()]).toEqual(['inbox']);
  });

  test('I4: a handler for the message’s source comes before one for all', () => {
    const set = new HandlerSet([any, stripe]);
    expect(set.find('Order.Paid', 'stripe')).toBe(stripe);
    expect(set.find(topic, 'Stripe')).toBe(any);
    expect(set.find(topic, null)).toBe(any);
    expect(new HandlerSet([stripe]).find(topic, 'adyen')).toBeUndefined();
  });

  test('Q4, I4: an engine gets each topic, with its source if it has one', () => {
    expect(new HandlerSet([any, stripe]).topics).toStrictEqual([{ topic }, { topic, source: 'stripe' }]);
  });

  test('D4: two for one topic of one source are an error that names the source', () => {
    const { code, message } = refusal(() => new HandlerSet([any, stripe, stripe]));
    expect(code).toBe('DUPLICATE_HANDLER');
    expect(message).toContain("of source 'stripe'");
  });

  test('only inbox handlers have a source, and it is text', () => {
    const misplaced = { topic, source: 'stripe', handle } as HandlerDefinition;
    expect(refusal(() => defineHandler(misplaced)).message).toContain('defineInboxHandler');
    for (const source of [' ', '', 7, null]) {
      const odd = { topic, source, handle } as never;
      expect(refusal(() => defineInboxHandler(odd)).message).toContain('source that is not text');
    }
    for (const source of [' stripe', 'stripe '])
      expect(refusal(() => defineInboxHandler({ topic, source, handle })).message).toContain(
        'or ends with a blank',
      );
  });
});

describe('the list of handlers', () => {
  const good = handler('orders');

  test.each<[string, unknown, string]>([
    ['no list', { orders: good }, "'handlers' must be a list;"],
    ['nothing', undefined, "'handlers' must be a list;"],
    ['a function at its place', [() => {}, good], 'has an item at index 0 that is not a handler;'],
    ['nothing at its place', [good, undefined], 'has an item at index 1 that is not a handler;'],
    ['no topic', [good, { ...good, topic: undefined }], 'has an item at index 1 that is not a handler;'],
    ['no handle', [good, good, { ...good, handle: undefined }], 'has an item at index 2 that is not'],
    ['no queue', [good, { ...good, queue: undefined }], 'has an item at index 1 that is not a handler;'],
    ['only a queue', [good, { queue: 'outbox' }], 'has an item at index 1 that is not a handler;'],
    ['an unknown queue', [good, { ...good, queue: 'letters' }], 'has an item at index 1 that is not a'],
  ])('D4: %s is refused with its place', (_, given, named) => {
    const { code, message } = refusal(() => checkedHandlers(given as never));
    expect(code).toBe('INVALID_CONFIGURATION');
    expect(message).toContain(named);
  });

  test('D1: no handlers are no sets', () => {
    expect(handlerSets([]).size).toBe(0);
  });
});

describe('defineHandler', () => {
  const handle = () => {};
  const bad: [string, Record<string, unknown>, string][] = [
    ['no topic', { handle }, 'topic'],
    ['a blank topic', { topic: ' ', handle }, 'topic'],
    ['a topic with a blank at its end', { topic: 't ', handle }, 'topic that begins or ends with a blank'],
    ['a topic with a blank at its start', { topic: ' t', handle }, 'topic that begins or ends with a blank'],
    ['a topic of 201 characters', { topic: 'x'.repeat(201), handle }, 'topic'],
    ['no handle', { topic: 't' }, 'handle function'],
    ['a schema that is none', { topic: 't', handle, schema: { parse() {} } }, 'Standard Schema'],
    ['timeoutMs 0', { topic: 't', handle, timeoutMs: 0 }, 'timeoutMs 0'],
    ['timeoutMs NaN', { topic: 't', handle, timeoutMs: Number.NaN }, 'timeoutMs NaN'],
    ['timeoutMs as other text', { topic: 't', handle, timeoutMs: 'soon' }, 'timeoutMs "soon"'],
    ['concurrency 0', { topic: 't', handle, concurrency: 0 }, 'concurrency 0'],
    ['concurrency 1.5', { topic: 't', handle, concurrency: 1.5 }, 'concurrency 1.5'],
    ['maxAttempts 0', { topic: 't', handle, retry: { maxAttempts: 0 } }, 'retry.maxAttempts 0'],
    ['maxAttempts Infinity', { topic: 't', handle, retry: { maxAttempts: Infinity } }, 'retry.maxAttempts'],
    ['baseMs NaN', { topic: 't', handle, retry: { baseMs: Number.NaN } }, 'retry.baseMs NaN'],
    ['baseMs as other text', { topic: 't', handle, retry: { baseMs: '2 ages' } }, 'retry.baseMs "2 ages"'],
    ['an unknown option', { topic: 't', handle, timeoutMS: 5 }, "(did you mean 'timeoutMs'?)"],
    [
      'an unknown retry option',
      { topic: 't', handle, retry: { attempts: 5 } },
      "'attempts' is not an option",
    ],
    [
      'a copy of an inbox handler',
      { ...defineInboxHandler({ topic: 't', handle }) },
      'use defineInboxHandler',
    ],
    [
      'maxDelayMs of eleven years',
      { topic: 't', handle, retry: { maxDelayMs: 11 * 365 * 86_400_000 } },
      'retry',
    ],
    ['baseMs -1', { topic: 't', handle, retry: { baseMs: -1 } }, 'retry.baseMs -1'],
    ['maxAttempts as text', { topic: 't', handle, retry: { maxAttempts: '3' } }, 'retry.maxAttempts "3"'],
    ['retry that is not an object', { topic: 't', handle, retry: 5 }, 'The retry of the handler'],
    ['a schema that is null', { topic: 't', handle, schema: null }, 'Standard Schema'],
    ['a topic that is not text', { topic: 7, handle }, 'topic of 1 to 200 characters'],
    ['maxDelayMs -1', { topic: 't', handle, retry: { maxDelayMs: -1 } }, 'retry.maxDelayMs -1'],
  ];
  test.each(bad)('refuses %s', (_, definition, named) => {
    const { code, message } = refusal(() => defineHandler(definition as unknown as HandlerDefinition));
    expect(code).toBe('INVALID_ARGUMENT');
    expect(message).toContain(named);
  });

  test('D2, D3: accepts the smallest and the largest value of each setting', () => {
    const least = { maxAttempts: 1, baseMs: 0, maxDelayMs: 0 };
    expect(defineHandler({ topic: 't', handle, timeoutMs: 1, concurrency: 1, retry: least })).toMatchObject({
      topic: 't',
      timeoutMs: 1,
      concurrency: 1,
      retry: least,
    });
    const tenYears = 10 * 365 * 86_400_000;
    const most = { baseMs: tenYears, maxDelayMs: tenYears };
    expect(defineHandler({ topic: 'x'.repeat(200), handle, retry: most })).toMatchObject({ retry: most });
  });

  test('D3: durations are milliseconds, or text', () => {
    const retry = { baseMs: '2s', maxDelayMs: '5' };
    expect(defineHandler({ topic: 't', handle, timeoutMs: '1m', retry })).toMatchObject({
      timeoutMs: 60_000,
      retry: { baseMs: 2_000, maxDelayMs: 5 },
    });
    expect(new Snooze('5m').delayMs).toBe(300_000);
    expect(new Snooze(-5).delayMs).toBe(-5);
    expect(new RetryAfter('30s', 'busy').delayMs).toBe(30_000);
    for (const wrong of ['soon', Number.NaN, null, undefined]) {
      expect(() => new Snooze(wrong as never)).toThrow(/milliseconds, or text such as '5m'/);
      expect(() => new RetryAfter(wrong as never, 'busy')).toThrow(/milliseconds, or text such as '5m'/);
    }
  });

  test("D3: a retry setting that is undefined leaves the fleet's in place", () => {
    const { retry } = defineHandler({ topic: 't', handle, retry: { maxAttempts: undefined, baseMs: 5 } });
    expect(retry).toStrictEqual({ baseMs: 5 });
    const last = defineHandler({ topic: 't', handle, retry: { baseMs: undefined, maxDelayMs: 9 } });
    expect(last.retry).toStrictEqual({ maxDelayMs: 9 });
  });

  test('a handler written as a class instance keeps its this', () => {
    const seen: string[] = [];
    class Mails {
      readonly topic = 'mail';
      readonly from = 'shop@example.com';
      handle() {
        seen.push(this.from);
      }
    }
    defineHandler(new Mails()).handle({} as never, {} as never);
    expect(seen).toEqual(['shop@example.com']);
  });
});

describe('the list of handlers', () => {
  const handle = () => {};
  const listed = (...handlers: unknown[]) => checkedHandlers(handlers as Handler[]);

  test('a literal is completed as defineHandler completes it', () => {
    const [literal] = listed({ queue: 'outbox', topic: 't', handle, timeoutMs: '5s' });
    expect(literal).toEqual({
      ...defineHandler({ topic: 't', handle, timeoutMs: 5_000 }),
      handle: expect.any(Function),
    });
    const [inbox] = listed({ queue: 'inbox', topic: 't', source: 'bank', handle });
    expect(inbox).toMatchObject({ queue: 'inbox', source: 'bank', retry: {} });
  });

  test('an instance of a class is completed too, and keeps its this', () => {
    class Orders {
      readonly queue = 'outbox';
      readonly topic = 'orders';
      readonly seen: string[] = [];
      handle() {
        this.seen.push('called');
      }
    }
    const orders = new Orders();
    listed(orders)[0]!.handle({} as never, {} as never);
    expect(orders.seen).toEqual(['called']);
  });

  test('a changed copy of a handler is checked', () => {
    const copied = { ...defineHandler({ topic: 't', handle }), concurrency: 0 };
    expect(refusal(() => listed(copied)).message).toContain('concurrency 0');
    expect(refusal(() => listed({ ...copied, concurrency: 1, retries: 3 })).message).toContain('retries');
  });

  test.each([
    ['a definition without a queue', { topic: 't', handle }],
    ['an unknown queue', { queue: 'outbx', topic: 't', handle }],
    ['no function', { queue: 'outbox', topic: 't' }],
  ])('it refuses %s', (_, literal) => {
    const { code, message } = refusal(() => listed(literal));
    expect(code).toBe('INVALID_CONFIGURATION');
    expect(message).toContain('index 0 that is not a handler; make each handler with defineHandler');
  });
});
