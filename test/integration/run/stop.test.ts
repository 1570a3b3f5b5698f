import { getEventListeners } from 'node:events';
import { MessageStatus } from '../../../src/engine/message.ts';
import { deferred } from '../../support/deferred.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();

/** Resolves when the signal fires. */
const fired = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

async function leaseHeld(): Promise<boolean> {
  const database = await place.tenant();
  return (await database.leases.list()).some(({ name, held }) => name === 'queue:outbox' && held);
}

describe('a run whose stop signal fires (D5)', () => {
  test('D5: finished work is settled, unstarted and interrupted messages get their attempt back, the lease is free', async () => {
    const queue = await place.outbox();
    const sent = ['quick', 'finishes', 'heeds', 'waits', 'waits'].map((payload) => message(payload));
    await queue.enqueue(sent);
    const stop = new AbortController();
    const started: string[] = [];
    const handler = orders(async ({ payload }, { signal }) => {
      started.push(payload);
      if (payload === 'quick') return;
      await fired(signal);
      expect(signal.reason).toBe(stop.signal.reason);
      if (payload === 'heeds') signal.throwIfAborted();
    });
    const running = run(queue, [handler], { signal: stop.signal, dispatch: { concurrency: 2 } });
    await until('two handlers wait', () => started.length === 3);
    stop.abort(new Error('shutdown'));
    const report = await running;
    expect(report).toMatchObject({
      status: 'dispatched',
      stop: 'signal',
      counts: { done: 2, released: 3, retried: 0, dead: 0, lost: 0 },
      more: true,
      nextDueInMs: 0,
    });
    expect(started).toEqual(['quick', 'finishes', 'heeds']);
    const records = await Promise.all(sent.map(({ messageId }) => queue.get(messageId)));
    expect(records.map((record) => [record!.status, record!.attempts])).toEqual([
      [MessageStatus.Done, 1],
      [MessageStatus.Done, 1],
      [MessageStatus.Ready, 0],
      [MessageStatus.Ready, 0],
      [MessageStatus.Ready, 0],
    ]);
    expect(await leaseHeld()).toBe(false);
  });

  test('D5: a handler that ignores its signal gets only its grace; its late answer has no effect', async () => {
    const queue = await place.outbox();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const stop = new AbortController();
    const gate = deferred();
    let started = false;
    const handler = orders(() => {
      started = true;
      return gate.promise;
    });
    const running = run(queue, [handler], { signal: stop.signal, dispatch: { graceMs: 30 } });
    await until('the handler runs', () => started);
    stop.abort();
    expect(await running).toMatchObject({ stop: 'signal', counts: { done: 0, released: 1 } });
    expect(await leaseHeld()).toBe(false);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await queue.get(sent!.messageId)).toMatchObject({ status: MessageStatus.Ready, attempts: 0 });
    // Another run handles the message.
    expect((await run(queue, [orders(() => {})])).counts).toMatchObject({ done: 1, recovered: 0 });
  });

  test('D5: with a signal that has already fired, the run makes no call, and the tenant stays due', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    expect(await run(queue, [orders(() => {})], { signal: AbortSignal.abort() })).toMatchObject({
      status: 'idle',
      stop: 'signal',
      roundTrips: 0,
      more: true,
    });
    expect(await leaseHeld()).toBe(false);
  });

  test('D5: a signal that fires while the run begins: none starts, all are released', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(3));
    const stop = new AbortController();
    const interrupted = withFaults(queue, {
      begin: async (real, request) => {
        const begun = await real(request);
        stop.abort();
        return begun;
      },
    });
    const started: string[] = [];
    const report = await run(interrupted, [orders(({ payload }) => started.push(payload))], {
      signal: stop.signal,
    });
    expect(started).toEqual([]);
    expect(report).toMatchObject({
      stop: 'signal',
      counts: { released: 3, done: 0 },
      more: true,
      nextDueInMs: 0,
      roundTrips: 2,
    });
    expect(await leaseHeld()).toBe(false);
  });

  test('D5: a signal that fires while the next batch is claimed: that batch is released unstarted', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(4));
    const stop = new AbortController();
    const interrupted = withFaults(queue, {
      settle: async (real, request) => {
        const settled = await real(request);
        if (request.then.do === 'claim') stop.abort();
        return settled;
      },
    });
    const started: string[] = [];
    const report = await run(interrupted, [orders(({ payload }) => started.push(payload))], {
      signal: stop.signal,
      dispatch: { batchSize: 2 },
    });
    expect(started).toEqual(['1', '2']);
    expect(report).toMatchObject({ stop: 'signal', counts: { done: 2, released: 2 } });
    expect(await queue.statistics()).toMatchObject({ ready: 2, done: 2, claimed: 0 });
  });

  test('D5: no listener stays on the signal after the run', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const stop = new AbortController();
    const { signal } = stop;
    const listeners = () => getEventListeners(signal, 'abort').length;
    let during = 0;
    const handler = orders(() => {
      during = listeners();
    });
    await run(queue, [handler], { signal });
    expect([during, listeners()]).toEqual([1, 0]);
  });
});

describe('a run whose time budget is spent (D5)', () => {
  test('D5: no handler starts; running handlers may finish, and their signals do not fire', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(5));
    const budgetMs = 20;
    const gate = deferred();
    const started: AbortSignal[] = [];
    const handler = orders((_, { signal }) => {
      started.push(signal);
      return gate.promise;
    });
    const begunAt = performance.now();
    const running = run(queue, [handler], {
      dispatch: { concurrency: 2, timeBudgetMs: budgetMs, graceMs: 1 },
    });
    await until('the budget is over', () => performance.now() > begunAt + 5 * budgetMs);
    gate.resolve();
    const report = await running;
    expect(report).toMatchObject({
      status: 'dispatched',
      stop: 'budget',
      counts: { done: 2, released: 3, lost: 0 },
      more: true,
    });
    expect(started.map(({ aborted }) => aborted)).toEqual([false, false]);
    expect(await leaseHeld()).toBe(false);
    expect((await run(queue, [orders(() => {})])).counts).toMatchObject({ done: 3, recovered: 0 });
  });

  test('D5: a handler that outlasts the whole run is interrupted, and its attempt counts', async () => {
    const queue = await place.outbox();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const signals: AbortSignal[] = [];
    const endless = orders(
      (_, { signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      },
      { timeoutMs: 60_000 },
    );
    const report = await run(queue, [endless], {
      dispatch: { timeBudgetMs: 10, handlerTimeoutMs: 20, graceMs: 20 },
    });
    expect(report).toMatchObject({ stop: 'budget', counts: { retried: 1 }, more: true, nextDueInMs: 0 });
    expect(signals.map(({ reason }) => reason)).toMatchObject([{ code: 'ABORTED' }]);
    expect(await queue.get(sent!.messageId)).toMatchObject({
      status: MessageStatus.Ready,
      attempts: 1,
      lastError: expect.stringContaining('outlasted the whole dispatch run'),
    });
  });

  test('D5: a handler that blocks the event loop past the budget is the last one: no call claims after it', async () => {
    const queue = await place.outbox();
    const other = await place.outbox();
    await queue.enqueue(messages(1));
    const budgetMs = 20;
    const blocking = orders(async () => {
      await other.enqueue(messages(1));
      const begunAt = performance.now();
      while (performance.now() - begunAt <= budgetMs);
    });
    const report = await run(queue, [blocking], { dispatch: { timeBudgetMs: budgetMs } });
    expect(report).toMatchObject({
      stop: 'budget',
      counts: { done: 1, released: 0 },
      more: true,
      roundTrips: 2,
    });
  });

  test('F2: a changed tenant ends the claiming; running handlers may finish, and their signals do not fire', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(3));
    const changed = new AbortController();
    const gate = deferred();
    const signals: AbortSignal[] = [];
    const handler = orders((_, { signal }) => {
      signals.push(signal);
      return gate.promise;
    });
    const running = run(queue, [handler], { changed: changed.signal, dispatch: { concurrency: 1 } });
    await until('a handler runs', () => signals.length === 1);
    changed.abort();
    gate.resolve();
    expect(await running).toMatchObject({
      stop: 'changed',
      counts: { done: 1, released: 2 },
      more: true,
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  test('D5: a signal during the draining cuts it short', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const stop = new AbortController();
    const begunAt = performance.now();
    let started = false;
    const handler = orders(async (_, { signal }) => {
      started = true;
      await fired(signal);
    });
    const running = run(queue, [handler], { signal: stop.signal, dispatch: { timeBudgetMs: 10 } });
    await until('the run drains', () => started && performance.now() > begunAt + 100);
    stop.abort();
    expect(await running).toMatchObject({ stop: 'signal', counts: { done: 1 } });
  });
});
