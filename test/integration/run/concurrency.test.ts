import { defineHandler, type Handler, Snooze } from '../../../src/queue/handler.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();

/**
 * A handler whose attempts wait until `together` of them run at once; from then on each takes a moment. If that number
 * is never reached they time out; if it is passed, `most` says so.
 */
function gathering(topic: string, together: number, concurrency?: number) {
  let running = 0;
  const gate = deferred();
  const state = { most: 0 };
  const handler: Handler = defineHandler({
    topic,
    ...(concurrency !== undefined && { concurrency }),
    timeoutMs: 10_000,
    async handle() {
      running++;
      state.most = Math.max(state.most, running);
      // The gate opens one event-loop turn later, so that one attempt too many would have time to start.
      if (running === together) setImmediate(() => gate.resolve());
      await gate.promise;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    },
  });
  return { handler, state };
}

describe('handlers at once (D2)', () => {
  test.each([1, 3, 16])('D2: the limit of %p is kept, and is reached', async (concurrency) => {
    const queue = await place.outbox();
    await queue.enqueue(messages(concurrency * 4));
    const { handler, state } = gathering('orders', concurrency);
    const report = await run(queue, [handler], { dispatch: { concurrency } });
    expect(report.counts.done).toBe(concurrency * 4);
    expect(state.most).toBe(concurrency);
  });

  test('D2: the limit spans batches: the next batch fills the slots that the last one frees', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(24));
    const { handler, state } = gathering('orders', 8);
    const report = await run(queue, [handler], { dispatch: { concurrency: 8, batchSize: 4 } });
    expect(report.counts).toMatchObject({ done: 24, retried: 0 });
    expect(state.most).toBe(8);
  });

  test("D2: a handler's own concurrency is kept and reached, and delays no other handler", async () => {
    const queue = await place.outbox();
    const narrow = gathering('narrow', 2, 2);
    const wide = gathering('wide', 6);
    // The narrow topic's messages are all due before the wide one's.
    await queue.enqueue(messages(8, { topic: 'narrow' }));
    await queue.enqueue(messages(12, { topic: 'wide' }));
    const report = await run(queue, [narrow.handler, wide.handler], { dispatch: { concurrency: 8 } });
    expect(report.counts).toMatchObject({ done: 20, retried: 0 });
    expect(narrow.state.most).toBe(2);
    expect(wide.state.most).toBeGreaterThanOrEqual(6);
  });

  test("D2: a handler's concurrency above the run's does not lift the run's", async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(9));
    const { handler, state } = gathering('orders', 3, 50);
    await run(queue, [handler], { dispatch: { concurrency: 3 } });
    expect(state.most).toBe(3);
  });

  test('handlers that return at once run one after another, and the run lets others go on between batches that take a millisecond', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(50));
    const now = performance.now.bind(performance);
    let handled = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + handled);
    let turns = 0;
    let counting = true;
    const count = () => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const aMillisecondEach = orders(() => {
      handled++;
    });
    const report = await run(queue, [aMillisecondEach], { dispatch: { batchSize: 5 } });
    counting = false;
    clock.mockRestore();
    expect(report.counts.done).toBe(50);
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});

test('a run whose engine tells of more messages and returns none lets other work go first', async () => {
  const queue = await place.outbox();
  await queue.enqueue(messages(1));
  let turn = 0;
  let counting = true;
  const count = () => {
    turn++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const calledAt: number[] = [];
  const withholding = withFaults(queue, {
    settle: async (real, request) => {
      calledAt.push(turn);
      if (calledAt.length > 3) return real(request);
      const then = { do: 'renew-lease' } as const;
      return { ...(await real({ ...request, then })), more: true };
    },
  });
  await run(withholding, [orders(() => {})]);
  counting = false;
  expect(calledAt).toHaveLength(4);
  expect(new Set(calledAt).size).toBe(4);
});

test('Q4: a run sends no room when no handler has a limit', async () => {
  const queue = await place.outbox();
  await queue.enqueue(messages(1));
  const claims: object[] = [];
  const watched = withFaults(queue, {
    begin: (real, request) => {
      claims.push(request.claim);
      return real(request);
    },
    settle: (real, request) => {
      claims.push(request.then);
      return real(request);
    },
  });
  await run(watched, [orders(() => {})]);
  expect(claims).toHaveLength(2);
  for (const claim of claims) expect(claim).not.toHaveProperty('rooms');
});

test('handlers that return at once do not call one another, however many wait', async () => {
  const queue = await place.outbox();
  await queue.enqueue(messages(20));
  const depths = new Set<number>();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  try {
    await run(queue, [orders(() => void depths.add(new Error().stack!.split('\n').length))]);
  } finally {
    Error.stackTraceLimit = limit;
  }
  expect(depths.size).toBe(1);
});

describe('batches that overlap (D6)', () => {
  test('D6: the next batch is claimed while a slow handler of the last one runs', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(12));
    const gate = deferred();
    const handler = orders(async ({ payload }) => {
      if (payload === '1') await gate.promise;
      // This message is in the second batch. It would never start if the first batch had to end before.
      if (payload === '6') gate.resolve();
    });
    const report = await run(queue, [handler], {
      dispatch: { batchSize: 4, concurrency: 2, handlerTimeoutMs: '10s' },
    });
    expect(report.counts).toMatchObject({ done: 12, retried: 0 });
  });

  test('D6: a message that arrives while a slow handler runs and slots are free does not wait', async () => {
    const queue = await place.outbox();
    const other = await place.outbox();
    await queue.enqueue([message('slow')]);
    const gate = deferred();
    const attempts: string[] = [];
    const handler = orders(async ({ payload }) => {
      attempts.push(payload);
      if (payload === 'slow') {
        await other.enqueue([message('new')]);
        await gate.promise;
      } else if (attempts.length === 2) {
        // Q11: due again while the slow one still runs.
        throw new Snooze(10);
      } else {
        gate.resolve();
      }
    });
    // The lease is renewed only after the handler would have timed out.
    const report = await run(queue, [handler], { dispatch: { leaseMs: '1h', handlerTimeoutMs: '10s' } });
    expect(attempts).toEqual(['slow', 'new', 'new']);
    expect(report.counts).toMatchObject({ done: 2, released: 1, retried: 0 });
  });

  test('D6: a handler that ends while the next batch is claimed makes room at once', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(8));
    const claiming = deferred();
    const started: string[] = [];
    let startedDuringCall: readonly string[] | undefined;
    const late = withFaults(queue, {
      settle: async (real, request) => {
        claiming.resolve();
        await turns();
        startedDuringCall ??= [...started];
        return real(request);
      },
    });
    const handler = orders(async ({ payload }) => {
      started.push(payload);
      if (payload === '2' || payload === '3') await claiming.promise;
    });
    const report = await run(late, [handler], {
      dispatch: { batchSize: 4, concurrency: 2, handlerTimeoutMs: '10s' },
    });
    expect(report.counts).toMatchObject({ done: 8, retried: 0 });
    // The fourth message waited for a slot when the call was sent.
    expect(startedDuringCall).toEqual(['1', '2', '3', '4']);
  });

  test.each([
    [4, 2],
    [3, 16],
    [10, 10],
  ])(
    'D6: at most two batches of %p are in memory (concurrency %p), seen from outside',
    async (batchSize, concurrency) => {
      const queue = await place.outbox();
      const outside = await place.outbox();
      await queue.enqueue(messages(60));
      let most = 0;
      const handler = orders(async () => {
        await turns();
        const { claimed } = await outside.statistics();
        most = Math.max(most, claimed);
      });
      const report = await run(queue, [handler], { dispatch: { batchSize, concurrency } });
      expect(report.counts.done).toBe(60);
      expect(most).toBeLessThanOrEqual(2 * batchSize);
      expect(most).toBeGreaterThan(batchSize);
    },
  );
});

describe('round trips (Q9)', () => {
  test.each([
    [1, 10],
    [10, 10],
    [11, 10],
    [30, 10],
    [35, 10],
    [300, 100],
  ])('Q9: %p messages in batches of %p cost one call a batch plus one', async (total, batchSize) => {
    for (const handle of [() => {}, async () => {}, () => new Promise((resolve) => setImmediate(resolve))]) {
      const queue = await place.outbox();
      await queue.enqueue(messages(total));
      const report = await run(queue, [orders(handle)], { dispatch: { batchSize } });
      expect(report.counts.done).toBe(total);
      expect(report.roundTrips).toBe(Math.ceil(total / batchSize) + 1);
    }
  });

  describe('with a clock that stands still, so that no answer of the engine becomes old', () => {
    fakeTimers();

    test('Q4, D2: a handler that used up its room gets its next messages while another handler runs', async () => {
      const queue = await place.outbox();
      await queue.enqueue([message('slow', { topic: 'slow' }), ...messages(8)]);
      const gate = deferred();
      const slow = orders(() => gate.promise, { topic: 'slow' });
      const narrow = orders(
        async ({ payload }) => {
          if (payload === '8') gate.resolve();
        },
        { concurrency: 1 },
      );
      expect((await run(queue, [slow, narrow])).counts.done).toBe(9);
    });

    test('Q9: a handler that has claimed all its due messages costs no further claim while they run', async () => {
      const queue = await place.outbox();
      await queue.enqueue(messages(2));
      const calls: unknown[] = [];
      const watched = withFaults(queue, {
        settle: (real, request) => {
          calls.push(request.then);
          return real(request);
        },
      });
      const [started, gate] = [deferred(), deferred()];
      const narrow = orders(
        ({ payload }) => {
          if (payload === '1') return undefined;
          started.resolve();
          return gate.promise;
        },
        { concurrency: 1 },
      );
      const running = run(watched, [narrow]);
      await started.promise;
      await turns();
      expect(calls).toEqual([]);
      gate.resolve();
      await running;
      expect(calls).toMatchObject([{ do: 'claim', solo: true }]);
    });
  });

  test('Q9: an idle tenant costs one call, and so does a tenant whose lease another host holds', async () => {
    const queue = await place.outbox();
    expect(await run(queue, [orders(() => {})])).toMatchObject({
      status: 'idle',
      stop: 'drained',
      roundTrips: 1,
    });
    await queue.enqueue([message('1')]);
    const other = await place.outbox();
    await other.begin({ owner: 'host-2', durationMs: 60_000, claim: { limit: 1, maxBytes: 1 } });
    expect(await run(queue, [orders(() => {})])).toMatchObject({
      status: 'leased-elsewhere',
      stop: 'drained',
      roundTrips: 1,
      heldBy: { owner: 'host-2', expiresInMs: expect.any(Number) },
    });
  });

  test('Q11: an idle run reports when the next message is due', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('1', { dueInMs: 600_000 })]);
    const report = await run(queue, [orders(() => {})]);
    expect(report).toMatchObject({ status: 'idle', more: false });
    expect(report.nextDueInMs).toBeGreaterThan(590_000);
    expect(report.nextDueInMs).toBeLessThanOrEqual(600_000);
  });
});
