import type { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import {
  defineHandler,
  defineInboxHandler,
  type HandlerContext,
  type Message,
  PermanentError,
  RetryAfter,
  Snooze,
} from '../../../src/index.ts';
import { createTestOutbox, runHandler } from '../../../src/testing/index.ts';

/** A handler of topic 'orders' with the given function. */
const orders = (handle: (message: Message, context: HandlerContext) => unknown) =>
  defineHandler({ topic: 'orders', handle });

describe('runHandler', () => {
  test('D3: the outcome is that of the handler', async () => {
    expect(
      await runHandler(
        orders(() => {}),
        { id: 1 },
      ),
    ).toEqual({ status: 'done' });
    const fails = (error: Error) =>
      orders(() => {
        throw error;
      });
    expect(await runHandler(fails(new PermanentError('no such order')), {})).toEqual({
      status: 'dead',
      error: 'no such order',
    });
    expect(await runHandler(fails(new Snooze(5_000, 'closed')), {})).toEqual({
      status: 'released',
      delayMs: 5_000,
      error: 'closed',
    });
    expect(await runHandler(fails(new RetryAfter(86_400_000, 'throttled')), {})).toEqual({
      status: 'retry',
      delayMs: 86_400_000,
      error: 'throttled',
    });
  });

  test('D3: a failure is retried after the backoff of its attempt, and is Dead after the last', async () => {
    const handler = orders(() => {
      throw new Error('down');
    });
    const retry = { maxAttempts: 3, baseMs: 100 };
    expect(await runHandler(handler, {}, { retry })).toEqual({
      status: 'retry',
      delayMs: 100,
      error: 'down',
    });
    expect(await runHandler(handler, {}, { retry, attempt: 2 })).toMatchObject({ delayMs: 200 });
    expect(await runHandler(handler, {}, { retry, attempt: 3 })).toEqual({ status: 'dead', error: 'down' });
    expect(await runHandler(handler, {}, { retry, attempt: 4 })).toMatchObject({ status: 'dead' });
  });

  test('the payload goes through the schema', async () => {
    const seen: unknown[] = [];
    const handler = defineHandler({
      topic: 'orders',
      schema: v.object({ cents: v.pipe(v.string(), v.transform(Number)) }),
      handle: ({ data }) => void seen.push(data),
    });
    expect(await runHandler(handler, { cents: '120' })).toEqual({ status: 'done' });
    expect(seen).toEqual([{ cents: 120 }]);
    expect(await runHandler(handler, { cents: 120 })).toMatchObject({
      status: 'dead',
      error: expect.stringContaining('cents'),
    });
    expect(seen).toHaveLength(1);
  });

  test('the message and the context are those of a dispatch run', async () => {
    let message!: Message;
    let context!: HandlerContext;
    const lines: unknown[] = [];
    const line = (text: string) => void lines.push(text);
    const logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
    const handler = orders((given, around) => {
      message = given;
      context = around;
      around.logger.info('at work');
    });
    const messageId = '0190f5a2-7a57-7c3e-8d3e-1f2a3b4c5d6e';
    await runHandler(handler, 'text', {
      tenants: [{ id: 'acme', tags: { plan: 'gold' } }],
      attempt: 2,
      messageId,
      headers: { 'x-source': 'shop' },
      correlationId: 'c-1',
      orderingKey: 'k-1',
      now: '2026-01-31T12:00:00Z',
      logger,
    });
    expect(message).toMatchObject({
      messageId,
      topic: 'orders',
      payload: 'text',
      headers: { 'x-source': 'shop' },
      correlationId: 'c-1',
      orderingKey: 'k-1',
      enqueuedUtc: new Date('2026-01-31T12:00:00Z'),
    });
    expect(context).toMatchObject({
      tenant: { id: 'acme', tags: { plan: 'gold' } },
      queue: 'outbox',
      attempt: 2,
      fence: 1,
      idempotencyKey: `acme:${messageId}`,
    });
    expect(context.signal.aborted).toBe(false);
    expect(lines).toEqual(['at work']);
  });

  test('an inbox handler gets the message’s source', async () => {
    let message!: Message;
    const handle = (given: Message) => {
      message = given;
    };
    await runHandler(
      defineInboxHandler({ topic: 'paid', source: 'bank', handle }),
      {},
      { sourceMessageId: 'b-1' },
    );
    expect(message).toMatchObject({ source: 'bank', sourceMessageId: 'b-1' });
    await runHandler(defineInboxHandler({ topic: 'paid', handle }), {});
    expect(message).toMatchObject({ source: 'test', sourceMessageId: expect.any(String) });
  });

  test('D2: a timeout and the stop of a host fire the signal', async () => {
    const waits = (timeoutMs?: number) =>
      defineHandler({
        topic: 'orders',
        ...(timeoutMs !== undefined && { timeoutMs }),
        handle: (_, { signal }) =>
          new Promise((_resolve, reject) => {
            stop.abort();
            signal.addEventListener('abort', () => reject(signal.reason));
          }),
      });
    let stop = new AbortController();
    expect(await runHandler(waits(20), {})).toMatchObject({
      status: 'retry',
      error: expect.stringContaining('did not end within its timeout of 20ms'),
    });
    stop = new AbortController();
    const { signal } = stop;
    expect(await runHandler(waits(), {}, { signal })).toMatchObject({ status: 'released', delayMs: 0 });
    expect(await runHandler(waits(), {}, { signal })).toMatchObject({ status: 'released', delayMs: 0 });
  });

  test('a mistake in the call is an error that says what to do', async () => {
    const handler = orders(() => {});
    await expect(runHandler(handler, undefined)).rejects.toThrow(/the payload is missing/);
    await expect(runHandler(handler, {}, { attempt: 0 })).rejects.toThrow(/'attempt' is 0; it must be/);
    await expect(runHandler(handler, {}, { tenantId: 'other' })).rejects.toMatchObject({
      code: 'UNKNOWN_TENANT',
    });
    await expect(runHandler(handler, {}, { dispatch: { batchSize: 0 } })).rejects.toThrow(
      /dispatch.batchSize/,
    );
  });
});

describe('TestOutbox.runHandler', () => {
  /** Writes an order and announces it, in one transaction. */
  const place = orders(async ({ data }, context) => {
    await context.transaction<void, DatabaseSync>(async (tx) => {
      tx.driver.prepare('INSERT INTO Orders (Id) VALUES (?)').run((data as { id: number }).id);
      await tx.enqueue({ topic: 'order.placed', payload: data });
    });
  });

  test("T1: the handler's writes in its transaction are committed with the outcome, or not at all", async () => {
    await using outbox = await createTestOutbox();
    const database = outbox.database();
    database.exec('CREATE TABLE Orders (Id INTEGER PRIMARY KEY)');
    const ids = () =>
      database
        .prepare('SELECT Id FROM Orders')
        .all()
        .map(({ Id }) => Id);
    expect(await outbox.runHandler(place, { id: 7 })).toEqual({ status: 'done' });
    expect(ids()).toEqual([7]);
    expect(outbox.enqueued({ topic: 'order.placed' })).toMatchObject([{ data: { id: 7 }, status: 'ready' }]);
    // The same order again.
    expect(await outbox.runHandler(place, { id: 7 })).toMatchObject({ status: 'retry' });
    expect(ids()).toEqual([7]);
    expect(outbox.enqueued({ topic: 'order.placed' })).toHaveLength(1);
  });

  test('other messages wait, with their attempts, for drain', async () => {
    const seen: unknown[] = [];
    const handler = orders(({ data }) => void seen.push(data));
    await using outbox = await createTestOutbox({ handlers: [handler] });
    await outbox.outbox('test').enqueue([
      { topic: 'orders', payload: 1 },
      { topic: 'orders', payload: 2, orderingKey: 'a' },
    ]);
    expect(await outbox.runHandler(handler, 3)).toEqual({ status: 'done' });
    expect(seen).toEqual([3]);
    expect(outbox.enqueued({ status: 'ready' })).toMatchObject([{ attempts: 0 }, { attempts: 0 }]);
    await expect(outbox.runHandler(handler, 4, { orderingKey: 'a' })).rejects.toThrow(
      /an earlier message of its ordering key blocks it/,
    );
    await outbox.drain();
    expect(seen).toEqual([3, 1, 2, 4]);
  });

  test('a run in flight is not disturbed', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const handler = orders(() => {
      started.resolve();
      return gate.promise;
    });
    await using outbox = await createTestOutbox({ handlers: [handler] });
    await outbox.outbox('test').enqueue({ topic: 'orders', payload: 1 });
    const draining = outbox.drain();
    await started.promise;
    await expect(outbox.runHandler(handler, 2)).rejects.toThrow(
      /another dispatch run of the same tenant has the queue lease/,
    );
    gate.resolve();
    await draining;
  });
});
