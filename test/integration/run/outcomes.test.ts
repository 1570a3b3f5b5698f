import { MessageStatus } from '../../../src/engine/message.ts';
import { defineHandler, PermanentError, RetryAfter, Snooze } from '../../../src/queue/handler.ts';
import { message, messages, orders, run } from '../../support/queue-run.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();

describe('outcomes, as the database has them afterwards (D3)', () => {
  test('D3: each way for a handler to end leaves its message in the state it should', async () => {
    const queue = await place.outbox();
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const ways: Record<string, () => unknown> = {
      returns: () => 1,
      resolves: async () => {},
      permanent: () => Promise.reject(new PermanentError('no such customer')),
      later: () => {
        throw new Snooze(3_600_000, 'closed');
      },
      after: () => Promise.reject(new RetryAfter(3_600_000, '429')),
      fails: () => Promise.reject(new Error('503')),
      text: () => Promise.reject('just text'),
      undefined: () => Promise.reject(undefined),
      null: () => {
        throw null;
      },
      object: () => Promise.reject({ status: 503 }),
      circular: () => Promise.reject(circular),
    };
    const sent = Object.keys(ways).map((way) => message(way));
    await queue.enqueue(sent);
    const report = await run(queue, [orders(({ payload }) => ways[payload]!())], {
      retry: { baseMs: '1h', maxDelayMs: '1h' },
      random: () => 0.999,
    });
    const { Ready, Done, Dead } = MessageStatus;
    const found: Record<string, unknown[]> = {};
    for (const { messageId, payload } of sent) {
      const record = (await queue.get(messageId))!;
      found[payload] = [record.status, record.attempts, record.lastError];
    }
    expect(found).toEqual({
      returns: [Done, 1, null],
      resolves: [Done, 1, null],
      permanent: [Dead, 1, 'no such customer'],
      later: [Ready, 0, 'closed'],
      after: [Ready, 1, '429'],
      fails: [Ready, 1, '503'],
      text: [Ready, 1, 'A value of type string was thrown; throw an Error, so that its message is kept.'],
      undefined: [
        Ready,
        1,
        'A value of type undefined was thrown; throw an Error, so that its message is kept.',
      ],
      null: [Ready, 1, 'A value of type null was thrown; throw an Error, so that its message is kept.'],
      object: [Ready, 1, 'A value of type object was thrown; throw an Error, so that its message is kept.'],
      circular: [Ready, 1, 'A value of type object was thrown; throw an Error, so that its message is kept.'],
    });
    expect(report).toMatchObject({
      status: 'dispatched',
      stop: 'drained',
      counts: { done: 2, dead: 1, released: 1, retried: 7, parked: 0, lost: 0, recovered: 0 },
      more: false,
    });
    // Q11: the first of them is due again in a little less than an hour.
    expect(report.nextDueInMs).toBeGreaterThan(3_000_000);
    expect(report.nextDueInMs).toBeLessThanOrEqual(3_600_000);
  });

  test('D3: a message is tried until its attempts are used up, and is Dead then, with its last error', async () => {
    const queue = await place.outbox();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const attempts: number[] = [];
    const failing = orders((_, { attempt }) => {
      attempts.push(attempt);
      throw new Error(`failed ${attempt}`);
    });
    const report = await run(queue, [failing], { retry: { maxAttempts: 3, baseMs: 0 } });
    expect(attempts).toEqual([1, 2, 3]);
    expect(await queue.get(sent!.messageId)).toMatchObject({
      status: MessageStatus.Dead,
      attempts: 3,
      lastError: 'failed 3',
      firstError: 'failed 1',
    });
    expect(report.counts).toMatchObject({ retried: 2, dead: 1 });
  });

  test('S1: a message that goes to Dead and one that is tried again are logged; one that is Done is not', async () => {
    const queue = await place.outbox();
    const sent = ['done', 'fails', 'dead'].map((payload) => message(payload));
    await queue.enqueue(sent);
    const logger = recordingLogger();
    const handler = orders(({ payload }) => {
      if (payload === 'fails') throw new Error('503');
      if (payload === 'dead') throw new PermanentError('never');
    });
    const report = await run(queue, [handler], { logger, retry: { baseMs: '1h' }, random: () => 0.999 });
    expect(report).not.toHaveProperty('error');
    expect(logger.lines.filter(({ level }) => level !== 'debug')).toMatchObject([
      {
        level: 'warn',
        message: 'An attempt failed; the message is tried again.',
        fields: { messageId: sent[1]!.messageId, topic: 'orders', attempt: 1, nextTryInMs: 0.999 * 900_000 },
      },
      {
        level: 'warn',
        message: 'A message went to Dead; it waits for replay or discard.',
        fields: { messageId: sent[2]!.messageId, topic: 'orders', attempts: 1 },
      },
    ]);
  });

  test.each([
    ['block', 1, ['k1']],
    ['block', 10, ['k1']],
    ['continue', 1, ['k1', 'k2', 'k3']],
    ['continue', 10, ['k1', 'k2', 'k3']],
  ] as const)(
    "Q10: with onDead '%s' and batches of %p, what follows a dead message of its key: %p",
    async (onDead, batchSize, expected) => {
      const queue = await place.outbox();
      await queue.enqueue(['k1', 'k2', 'k3'].map((payload) => message(payload, { orderingKey: 'k' })));
      const seen: string[] = [];
      const handler = orders(({ payload }) => {
        seen.push(payload);
        if (payload === 'k1') throw new PermanentError('never');
      });
      const report = await run(queue, [handler], { dispatch: { onDead, batchSize } });
      expect(seen).toEqual(expected);
      expect(report).toMatchObject({ counts: { dead: 1, done: expected.length - 1 }, more: false });
    },
  );

  test('D2: a handler that exceeds its timeout is retried; its late answer is ignored', async () => {
    const queue = await place.outbox();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const ends: (() => void)[] = [];
    const signals: AbortSignal[] = [];
    const slow = orders(
      (_, { signal, attempt }) => {
        signals.push(signal);
        return attempt === 1 ? new Promise<void>((resolve) => ends.push(resolve)) : undefined;
      },
      { timeoutMs: 20, retry: { baseMs: 0 } },
    );
    const report = await run(queue, [slow]);
    expect(report.counts).toMatchObject({ retried: 1, done: 1, lost: 0 });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    for (const end of ends) end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await queue.get(sent!.messageId)).toMatchObject({
      status: MessageStatus.Done,
      attempts: 2,
      firstError: expect.stringContaining('did not end within its timeout of 20ms'),
    });
  });

  test('D3: the handler gets the message and what surrounds it', async () => {
    const queue = await place.outbox();
    const sent = message('{"id":1}', {
      topic: 'Orders',
      headers: { traceparent: '00-a-b-01', own: 'x' },
      correlationId: 'c-1',
      orderingKey: 'k-1',
    });
    await queue.enqueue([sent]);
    const seen: unknown[] = [];
    const handler = orders((received, { logger, signal, ...context }) => {
      seen.push({ ...received, data: received.data }, context, signal.aborted, typeof logger.info);
    });
    await run(queue, [handler]);
    expect(seen).toEqual([
      {
        messageId: sent.messageId,
        topic: 'Orders',
        payload: '{"id":1}',
        data: { id: 1 },
        headers: { traceparent: '00-a-b-01', own: 'x' },
        correlationId: 'c-1',
        orderingKey: 'k-1',
        source: null,
        sourceMessageId: null,
        enqueuedUtc: expect.any(Date),
        dueUtc: expect.any(Date),
      },
      {
        tenant: { id: 'acme', tags: {} },
        queue: 'outbox',
        attempt: 1,
        fence: 1,
        idempotencyKey: `acme:${sent.messageId}`,
        trace: { traceparent: '00-a-b-01' },
      },
      false,
      'function',
    ]);
  });

  test('D3: no log line of a run shows a payload or a header', async () => {
    const queue = await place.outbox();
    await queue.enqueue([
      message('hunter2', { headers: { authorization: 'hunter2' } }),
      message('hunter2', { topic: 'nobody-handles' }),
    ]);
    const logger = recordingLogger();
    await run(queue, [orders(({ data }) => data)], { logger });
    expect(logger.lines.length).toBeGreaterThan(0);
    expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
  });
});

test('D3, Q4: a message that always asks to come again at once comes behind the others that are due', async () => {
  const queue = await place.outbox();
  await queue.enqueue([message('again'), ...messages(20)]);
  const stop = new AbortController();
  const started: string[] = [];
  const handler = orders(({ payload }) => {
    started.push(payload);
    if (started.length === 22) stop.abort();
    if (payload === 'again') throw new Snooze(0);
  });
  // Before its second start, each of the others has run.
  const dispatch = { batchSize: 1, concurrency: 1 };
  let report = await run(queue, [handler], { dispatch, signal: stop.signal });
  while (started.length < 22) report = await run(queue, [handler], { dispatch, signal: stop.signal });
  expect(report.counts.lost).toBe(0);
  expect(await queue.statistics()).toMatchObject({ done: 20, ready: 1 });
  expect(started).toHaveLength(22);
});

describe('topics without a handler (D4)', () => {
  test('D4: they are parked with a growing delay, consume no attempt, and are named in the report', async () => {
    const queue = await place.outbox();
    const sent = message('x', { topic: 'nobody-handles' });
    await queue.enqueue([sent, message('1')]);
    const delays: number[] = [];
    const settings = { parking: { baseMs: 20, maxDelayMs: 3_600_000 } };
    const report = await run(queue, [orders(() => {})], settings);
    expect(report).toMatchObject({
      parkedTopics: ['nobody-handles'],
      counts: { parked: 1, done: 1, released: 0, retried: 0 },
      more: false,
    });
    delays.push(report.nextDueInMs!);
    for (let parks = 2; parks <= 3; parks++) {
      // Polls the database until the delay is over, as a plan would.
      let next = await run(queue, [orders(() => {})], settings);
      while (next.counts.parked === 0) next = await run(queue, [orders(() => {})], settings);
      delays.push(next.nextDueInMs!);
      expect(await queue.get(sent.messageId)).toMatchObject({
        status: MessageStatus.Ready,
        attempts: 0,
        parks,
      });
    }
    expect(delays[0]).toBeLessThanOrEqual(20);
    expect(delays[1]).toBeGreaterThan(20);
    expect(delays[2]).toBeGreaterThan(40);
    expect(await queue.statistics()).toMatchObject({ parked: 1, ready: 1 });
  });

  test('D4: once its handler is there, a parked message is run as its first attempt', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('x', { topic: 'new.topic' })]);
    await run(queue, [orders(() => {})], { parking: { baseMs: 1, maxDelayMs: 1 } });
    const attempts: number[] = [];
    const handler = defineHandler({ topic: 'NEW.Topic', handle: (_, { attempt }) => attempts.push(attempt) });
    let report = await run(queue, [handler]);
    while (report.counts.done === 0) report = await run(queue, [handler]);
    expect(attempts).toEqual([1]);
  });

  test("D4: with 'dead' it goes to Dead instead, without an attempt", async () => {
    const queue = await place.outbox();
    const sent = message('x', { topic: 'nobody-handles' });
    await queue.enqueue([sent]);
    const report = await run(queue, [orders(() => {})], { dispatch: { unhandledTopics: 'dead' } });
    expect(report.counts).toMatchObject({ dead: 1, parked: 0 });
    expect(await queue.get(sent.messageId)).toMatchObject({ status: MessageStatus.Dead, attempts: 0 });
  });

  test('D4, Q10: a parked message blocks its key, and other keys go ahead', async () => {
    const queue = await place.outbox();
    await queue.enqueue([
      message('k1', { topic: 'nobody-handles', orderingKey: 'k' }),
      message('k2', { orderingKey: 'k' }),
      message('j1', { orderingKey: 'j' }),
    ]);
    const seen: string[] = [];
    const report = await run(queue, [orders(({ payload }) => seen.push(payload))]);
    expect(seen).toEqual(['j1']);
    expect(report).toMatchObject({ counts: { parked: 1, done: 1 }, more: false });
  });
});
