import { MessageStatus } from '../../../src/engine/message.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import type { QueueReport } from '../../../src/queue/report.ts';
import type { SettingsInput } from '../../../src/settings.ts';
import { type Logger, silentLogger } from '../../../src/telemetry/logger.ts';
import { deferred } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { takeOver } from '../../support/take-over.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
const leaseMs = 60_000;
/** More than a third of the lease, so that the lease has renewed itself. */
const aThirdMs = 20_001;
const endless = { timeoutMs: 3_600_000 };

/** A queue of one host, and the same queue as another host sees it. */
async function twoHosts(): Promise<[WorkQueue, WorkQueue]> {
  return [await place.outbox(), await place.outbox()];
}

describe('the lease of a run (D1, L4)', () => {
  const pass = fakeTimers();

  test('D1: a second run of a queue with a run in flight is skipped, and changes nothing', async () => {
    const [queue, other] = await twoHosts();
    await queue.enqueue(messages(2));
    const gate = deferred();
    let started = 0;
    const slow = orders(() => {
      started++;
      return gate.promise;
    });
    const running = run(queue, [slow], { owner: 'host-1' });
    await until('the first run has begun', () => started === 2);
    const second = await run(other, [slow], { owner: 'host-2' });
    expect(second).toMatchObject({
      status: 'leased-elsewhere',
      counts: { done: 0 },
      heldBy: { owner: 'host-1' },
    });
    expect(second.heldBy!.expiresInMs).toBeGreaterThan(0);
    gate.resolve();
    expect(await running).toMatchObject({ counts: { done: 2, lost: 0 } });
    expect(started).toBe(2);
  });

  test('L4: a handler that outlasts the lease many times over keeps it: it renews itself', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const database = await place.tenant();
    const lease = async () => (await database.leases.list()).find(({ name }) => name === 'queue:outbox')!;
    const handler = orders(async () => {
      const first = await lease();
      for (let thirds = 1; thirds <= 10; thirds++) {
        const before = await lease();
        await until('it has renewed itself', async () => {
          await pass(aThirdMs);
          return (await lease()).renewedUtc! > before.renewedUtc!;
        });
      }
      expect(await lease()).toMatchObject({ fence: first.fence, held: true });
    }, endless);
    const report = await run(queue, [handler], { dispatch: { leaseMs, timeBudgetMs: 3_600_000 } });
    expect(report).toMatchObject({ stop: 'drained', counts: { done: 1, lost: 0, retried: 0 } });
    expect((await lease()).held).toBe(false);
  });

  test('L4: outcomes that are ready go along with a renewal, rather than wait for the slowest handler', async () => {
    const [queue, other] = await twoHosts();
    await queue.enqueue(messages(3));
    const gate = deferred();
    let ended = 0;
    const handler = orders(async ({ payload }) => {
      if (payload === '1') await gate.promise;
      else ended++;
    });
    const running = run(queue, [handler], { dispatch: { leaseMs } });
    await until('the quick ones have ended', () => ended === 2);
    expect(await other.statistics()).toMatchObject({ done: 0, claimed: 3 });
    await pass(aThirdMs);
    await until('the quick ones are settled', async () => (await other.statistics()).done === 2);
    gate.resolve();
    expect(await running).toMatchObject({ counts: { done: 3 } });
  });
});

describe('a lease that is lost in the middle (D5, Q8)', () => {
  const pass = fakeTimers();

  test('D5, Q8: handlers get their signal; started messages are reported as lost, never as done; the tenant stays due', async () => {
    const [queue, other] = await twoHosts();
    const sent = messages(4);
    await queue.enqueue(sent);
    const signals: AbortSignal[] = [];
    const handler = orders(async (_, { signal }) => {
      signals.push(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    });
    const running = run(queue, [handler], { dispatch: { leaseMs, concurrency: 3 } });
    await until('three handlers run', () => signals.length === 3);
    const taken = await takeOver(other);
    await pass(aThirdMs);
    const report = await running;
    expect(report).toMatchObject({
      status: 'dispatched',
      stop: 'lease-lost',
      // The fourth was never started, so nothing of it can happen twice.
      counts: { done: 0, retried: 0, released: 0, lost: 3 },
      more: true,
    });
    expect(signals).toHaveLength(3);
    for (const { reason } of signals) expect(reason).toMatchObject({ code: 'LEASE_LOST' });
    // Q6: the other host recovers them all, and runs them one at a time.
    expect(taken.recovered).toBe(4);
    expect(taken.lease.fence).toBe(2);
    expect(await queue.statistics()).toMatchObject({ done: 0, claimed: 1, ready: 3 });
  });

  test('Q8: a success that ends just after the takeover is lost', async () => {
    const [queue, other] = await twoHosts();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    const handler = orders(async () => {
      await takeOver(other);
    });
    expect(await run(queue, [handler])).toMatchObject({
      stop: 'lease-lost',
      counts: { done: 0, lost: 1 },
      more: true,
    });
    expect(await queue.get(sent!.messageId)).toMatchObject({ status: MessageStatus.Claimed, claimFence: 2 });
  });

  test('Q8: outcomes that come in while the loss is being noticed are counted as lost, too', async () => {
    const [queue, other] = await twoHosts();
    await queue.enqueue(messages(3));
    const gate = deferred();
    let ended = 0;
    const handler = orders(async ({ payload }) => {
      if (payload === '1') ended++;
      else await gate.promise;
    });
    const late = withFaults(queue, {
      settle: async (real, request) => {
        // While this call is on its way the other handlers end.
        gate.resolve();
        const settled = await real(request);
        await new Promise((resolve) => setImmediate(resolve));
        return settled;
      },
    });
    const running = run(late, [handler], { dispatch: { leaseMs } });
    await until('the first has ended', () => ended === 1);
    await takeOver(other);
    await pass(aThirdMs);
    expect(await running).toMatchObject({ stop: 'lease-lost', counts: { done: 0, lost: 3 } });
  });

  test('D5: no handler starts once the lease is lost', async () => {
    const [queue, other] = await twoHosts();
    await queue.enqueue(messages(6));
    const started: string[] = [];
    const handler = orders(async ({ payload }) => {
      started.push(payload);
      if (payload === '2') await takeOver(other);
    });
    const report = await run(queue, [handler], { dispatch: { batchSize: 2, concurrency: 1 } });
    expect(report.stop).toBe('lease-lost');
    // The next batch had been asked for at most once before the loss was known.
    expect(started).toEqual(['1', '2']);
    expect(report.counts.done + report.counts.lost).toBe(2);
    expect(report.counts.lost).toBeGreaterThanOrEqual(1);
  });

  test('L3, L4: at the lease’s expiry the run stops; it still settles if no other run took the lease', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(2));
    let failures = 0;
    const unreachable = withFaults(queue, {
      settle: async (real, request) => {
        if (request.then.do === 'release-lease') return real(request);
        failures++;
        throw new Error('the network is away');
      },
    });
    const reasons: unknown[] = [];
    const handler = orders(async ({ payload }, { signal }) => {
      if (payload === '1') return;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      reasons.push(signal.reason);
    }, endless);
    let report: QueueReport | undefined;
    void run(unreachable, [handler], { dispatch: { leaseMs } }).then((one) => {
      report = one;
    });
    await until('the run has ended', async () => {
      await pass(1_000);
      return report !== undefined;
    });
    expect(failures).toBeGreaterThan(1);
    expect(reasons).toMatchObject([{ code: 'LEASE_LOST' }]);
    expect(report).toMatchObject({ status: 'dispatched', stop: 'lease-lost', counts: { done: 2, lost: 0 } });
    expect(await queue.statistics()).toMatchObject({ done: 2, claimed: 0 });
  });
});

test('L4, D5: after a pause longer than the lease no handler starts, although no timer has fired yet', async () => {
  const queue = await place.outbox();
  await queue.enqueue(messages(3));
  const started: string[] = [];
  // The clock goes on by more than the lease's time, as after a pause of the process; the timers that this would fire have not.
  const now = performance.now.bind(performance);
  let pausedMs = 0;
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + pausedMs);
  const standstill = orders(({ payload }) => {
    started.push(payload);
    pausedMs = leaseMs + 1;
  });
  const report = await run(queue, [standstill], { dispatch: { leaseMs, concurrency: 1 } }).finally(() =>
    clock.mockRestore(),
  );
  expect(started).toEqual(['1']);
  expect(report).toMatchObject({
    stop: 'lease-lost',
    counts: { done: 1, released: 2, lost: 0 },
    more: true,
  });
});

test.each<[string, SettingsInput['dispatch'], () => void, string]>([
  [
    'a failure of a handler',
    {},
    () => {
      throw new Error('no');
    },
    'orders',
  ],
  ['a message that goes to Dead unstarted', { unhandledTopics: 'dead' }, () => {}, 'unknown'],
])(
  'L4, D5: %s is logged for longer than the lease lasts: no handler starts after it',
  async (_, dispatch, handle, topic) => {
    const queue = await place.outbox();
    await queue.enqueue([message('1', { topic }), ...messages(2)]);
    const now = performance.now.bind(performance);
    let blockedMs = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + blockedMs);
    const slow: Logger = {
      ...silentLogger,
      warn() {
        blockedMs = leaseMs + 1;
      },
      child: () => slow,
    };
    let started = 0;
    const handler = orders(() => {
      started++;
      handle();
    });
    const report = await run(queue, [handler], {
      logger: slow,
      dispatch: { leaseMs, ...dispatch },
    }).finally(() => clock.mockRestore());
    expect(report).toMatchObject({ stop: 'lease-lost', counts: { done: 0, released: 2, lost: 0 } });
    expect(started).toBe(topic === 'orders' ? 1 : 0);
  },
);

describe('a database that does not answer any more', () => {
  test('D5: a handler that ignores its signal is abandoned, and calls to the database stop', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(2));
    let calls = 0;
    const away = withFaults(queue, {
      settle: async () => {
        calls++;
        throw new Error('the network is away');
      },
    });
    const deaf = orders(({ payload }) => (payload === '1' ? undefined : new Promise(() => {})));
    const report = await run(away, [deaf], { dispatch: { leaseMs: 100, graceMs: 50 } });
    expect(report).toMatchObject({
      status: 'failed',
      stop: 'error',
      counts: { done: 0, released: 0, lost: 2 },
      error: { message: expect.stringContaining('the network is away') },
    });
    expect(calls).toBeLessThan(20);
  });
});
