import { MultiOutboxError } from '../../../src/errors.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();

const locked = () => new MultiOutboxError('DATABASE_LOCKED', 'locked', { transient: true });

/** A handler that counts its starts by payload. */
function counting() {
  const starts: Record<string, number> = {};
  const handler = orders(async ({ payload }) => {
    starts[payload] = (starts[payload] ?? 0) + 1;
  });
  return { handler, starts, most: () => Math.max(...Object.values(starts)) };
}

describe('calls that fail (Q8, D8)', () => {
  test('an intermittently failing settle is repeated: no message is run twice, none is lost', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(20));
    let calls = 0;
    const flaky = withFaults(queue, {
      settle: (real, request) => {
        calls++;
        // Two failures in a row before every success.
        return calls % 3 === 0 ? real(request) : Promise.reject(locked());
      },
    });
    const logger = recordingLogger();
    const { handler, starts, most } = counting();
    const report = await run(flaky, [handler], { dispatch: { batchSize: 10 }, logger });
    expect(report).toMatchObject({ status: 'dispatched', stop: 'drained', counts: { done: 20, lost: 0 } });
    expect(Object.keys(starts)).toHaveLength(20);
    expect(most()).toBe(1);
    expect(report.roundTrips).toBe(calls + 1);
    const warnings = logger.lines.filter(({ level }) => level === 'warn');
    // Each call counts its own tries.
    expect(warnings.map(({ fields }) => fields)).toEqual(
      Array.from({ length: warnings.length }, (_, index) => ({
        tries: 1 + (index % 2),
        code: 'DATABASE_LOCKED',
      })),
    );
    expect(warnings.length).toBeGreaterThanOrEqual(2);
    expect(await queue.statistics()).toMatchObject({ done: 20, claimed: 0 });
  });

  test('S2: a run whose messages could not be counted ends well, reports no counts, and says so in the log', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const uncounted = <T extends object>(answer: T) => ({
      ...answer,
      stored: undefined,
      countError: locked(),
    });
    const failing = withFaults(queue, {
      begin: async (real, request) => {
        const begun = await real(request);
        return begun.status === 'idle' ? uncounted(begun) : begun;
      },
      settle: async (real, request) => {
        const settled = await real(request);
        return settled.lease === 'released' ? uncounted(settled) : settled;
      },
    });
    const logger = recordingLogger();
    const handlers = [orders(() => {})];
    const first = await run(failing, handlers, { logger });
    expect(first).toMatchObject({ status: 'dispatched', counts: { done: 1, lost: 0 } });
    expect(first).not.toHaveProperty('stored');
    expect(await run(failing, handlers, { logger })).toMatchObject({ status: 'idle' });
    const line = { level: 'warn', fields: { error: { code: 'DATABASE_LOCKED' } } };
    expect(logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([line, line]);
  });

  test('Q8: when the answer to a settle is lost, its outcomes are reported lost, and the tenant stays due', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(20));
    let cut = true;
    const cutting = withFaults(queue, {
      settle: async (real, request) => {
        const settled = await real(request);
        if (cut) {
          cut = false;
          throw new Error('connection reset');
        }
        return settled;
      },
    });
    const { handler, starts, most } = counting();
    const first = await run(cutting, [handler], { dispatch: { batchSize: 10, concurrency: 1 } });
    // The first try had written them, so at the second try the database no longer matched them.
    expect(first.counts.lost).toBeGreaterThan(0);
    expect(first).toMatchObject({ status: 'dispatched', more: true });
    // A message that the cut call had claimed is recovered by the next run, and was never started.
    const second = await run(queue, [handler]);
    expect(second.counts.recovered).toBeGreaterThan(0);
    expect(first.counts.done + first.counts.lost + second.counts.done).toBe(20);
    expect(Object.keys(starts)).toHaveLength(20);
    expect(most()).toBe(1);
    expect(await queue.statistics()).toMatchObject({ done: 20, claimed: 0, ready: 0 });
  });

  test('a begin that fails is a failed run with its code, and no handler starts', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const { handler, starts } = counting();
    const away = withFaults(queue, {
      begin: () => Promise.reject(new MultiOutboxError('DATABASE_UNREACHABLE', 'no route to host')),
    });
    expect(await run(away, [handler])).toMatchObject({
      status: 'failed',
      stop: 'error',
      roundTrips: 1,
      error: { code: 'DATABASE_UNREACHABLE', message: 'no route to host' },
    });
    expect(starts).toEqual({});
  });

  test('any other error ends in the report too: the run never throws', async () => {
    const queue = await place.outbox();
    for (const [thrown, message] of [
      [new TypeError('x is not a function'), 'TypeError: x is not a function'],
      ['text', 'A value of type string was thrown; throw an Error, so that its message is kept.'],
      [null, 'A value of type null was thrown; throw an Error, so that its message is kept.'],
      [
        Object.create(null),
        'A value of type object was thrown; throw an Error, so that its message is kept.',
      ],
    ] as const) {
      const broken = withFaults(queue, { begin: () => Promise.reject(thrown) });
      expect((await run(broken, [])).error).toEqual({ code: 'INTERNAL', message });
    }
  });

  test('CLOSED ends the run at once; handlers that end later start no further message', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(6));
    const closing = withFaults(queue, {
      settle: () => Promise.reject(new MultiOutboxError('CLOSED', 'closed')),
    });
    const gate = deferred();
    const signals: AbortSignal[] = [];
    const handler = orders(
      ({ payload }, { signal }) => {
        signals.push(signal);
        return payload === '1' ? undefined : gate.promise;
      },
      { concurrency: 2 },
    );
    const report = await run(closing, [handler], { dispatch: { leaseMs: 100 } });
    expect(report).toMatchObject({ status: 'failed', error: { code: 'CLOSED' } });
    // The started messages are lost, because they could not be settled. The handler's limit left most of the others
    // unclaimed (Q4); one that was claimed could not be released either, but nothing has happened to it.
    expect(report.counts).toMatchObject({ done: 0, released: 0, lost: 3 });
    expect(signals).toHaveLength(3);
    expect(signals[1]!.aborted).toBe(true);
    gate.resolve();
    await turns();
    expect(signals).toHaveLength(3);
  });

  test('no timer is left behind by a run, however it ends', async () => {
    const queue = await place.outbox();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    await queue.enqueue(messages(3));
    await run(queue, [orders(async () => {})]);
    await queue.enqueue(messages(1));
    const stop = new AbortController();
    let started = false;
    const stopped = run(
      queue,
      [
        orders(() => {
          started = true;
          return new Promise(() => {});
        }),
      ],
      { signal: stop.signal, dispatch: { graceMs: 10 } },
    );
    await until('it runs', () => started);
    stop.abort();
    await stopped;
    const closed = withFaults(queue, {
      settle: () => Promise.reject(new MultiOutboxError('CLOSED', 'closed')),
    });
    await run(closed, [orders(async () => {})]);
    expect(timers()).toBeLessThanOrEqual(before);
  });
});

describe('renewals and calls in flight (L4)', () => {
  const advance = fakeTimers();

  test('a renewal that is asked for during the last call does not make a drained run seem to have lost its lease', async () => {
    const leaseMs = 60_000;
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const slow = withFaults(queue, {
      settle: async (real, request) => {
        const settled = await real(request);
        // The heartbeat asks for a renewal while the answer is under way.
        await advance(leaseMs / 3);
        return settled;
      },
    });
    const report = await run(slow, [orders(() => {})], { dispatch: { leaseMs } });
    expect(report).toMatchObject({ stop: 'drained', counts: { done: 1, lost: 0 }, more: false });
  });
});
