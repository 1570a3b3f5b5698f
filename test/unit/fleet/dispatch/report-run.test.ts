import { bucketCount, emptyHistogram } from '../../../../src/engine/histogram.ts';
import type { Registry } from '../../../../src/engine/registry.ts';
import { nothingStored } from '../../../../src/engine/sqlite/queue/counts.ts';
import type { TenantReport } from '../../../../src/engine/tenant-report.ts';
import { MultiOutboxError } from '../../../../src/errors.ts';
import { reportRun } from '../../../../src/fleet/dispatch/report-run.ts';
import type { QueueReport } from '../../../../src/queue/report.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { planOf, reportOf } from '../../../support/requests.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const schedule = { mode: 'set', nextDueInMs: 0, idleStreak: 0, failureStreak: 0 } as const;
const run = reportOf(planOf('acme').requests[0]!);
const queueReport = (queue: 'outbox' | 'inbox'): QueueReport => ({
  queue,
  status: 'dispatched',
  stop: 'drained',
  counts: noCounts,
  parkedTopics: [],
  failingTopics: [],
  succeededTopics: [],
  wait: emptyHistogram,
  handle: emptyHistogram,
  more: false,
  nextDueInMs: null,
  endedAt: 0,
  roundTrips: 1,
});
const away = () => new MultiOutboxError('REGISTRY_UNAVAILABLE', 'the registry is away', { transient: true });

/** Reports a run to a registry that first fails the given number of times; returns the milliseconds of the calls. */
async function reported(
  failures: unknown[],
  random = 1,
  of = run,
  keepsHistory = true,
  continues: TenantReport['continues'] | null = { redispatchMs: 7 },
) {
  const asked: number[] = [];
  const entries: TenantReport[] = [];
  const logger = recordingLogger();
  const start = performance.now();
  const registry = {
    async report(entry: TenantReport) {
      asked.push(performance.now() - start);
      if (failures.length > 0) throw failures.shift();
      entries.push(entry);
      return { woken: false };
    },
  } as unknown as Registry;
  const taken = reportRun(
    { registry, random: () => random, keepsHistory },
    of,
    { schedule, ...(continues && { continues }) },
    logger,
  );
  await jest.advanceTimersByTimeAsync(10_000);
  return { taken: await taken, asked, entries, logger };
}

describe('the report of a run to the registry (D7)', () => {
  test('D7: it is sent once when the registry accepts it', async () => {
    const { taken, asked, entries, logger } = await reported([]);
    expect([taken, asked, logger.lines]).toEqual([{ woken: false }, [0], []]);
    expect(entries).toMatchObject([
      { tenantId: 'acme', outcome: 'idle', backlog: false, schedule, continues: { redispatchMs: 7 } },
    ]);
    expect(entries[0]).not.toHaveProperty('error');
  });

  test('D7: a failed run’s error is in it', async () => {
    const error = { code: 'DATABASE_LOCKED', message: 'it is locked' };
    const { entries } = await reported([], 1, { ...run, outcome: 'failed', error });
    expect(entries).toMatchObject([{ outcome: 'failed', error }]);
  });

  test('S2: a queue’s state and failures are as old as the end of its run, at each try', async () => {
    const stored = { ...nothingStored, isEmpty: false };
    const failed = {
      topic: 'orders',
      source: null,
      failures: 1,
      isNew: false,
      messageId: '1',
      error: 'Error',
    };
    const failingTopics = [{ ...failed, sinceMs: 30, lastMs: 10 }];
    const endedAt = performance.now() - 5_000;
    const queues = [{ ...queueReport('outbox'), endedAt, stored, failingTopics }, queueReport('inbox')];
    const { entries } = await reported([away()], 1, { ...run, queues });
    expect(entries).toMatchObject([
      { queues: { outbox: { ageMs: 5_200 } }, failing: [{ sinceMs: 5_230, lastMs: 5_210 }] },
    ]);
    expect(entries[0]!.queues).not.toHaveProperty('inbox');
  });

  test('S2: topics that the run met, and the count had not come to, have at least one parked message each', async () => {
    const parked = [{ topic: 'Orders', count: 7 }];
    const stored = { ...nothingStored, isEmpty: false, parked, atLeast: ['parked' as const] };
    const queues = [{ ...queueReport('outbox'), stored, parkedTopics: ['ORDERS', 'Mails'] }];
    const { entries } = await reported([], 1, { ...run, queues });
    expect(entries[0]!.queues!.outbox!.parked).toEqual([...parked, { topic: 'Mails', count: 1 }]);
  });

  test('S2: parked topics are those of the count, if it came to all of them', async () => {
    const parked = [{ topic: 'Orders', count: 7 }];
    const stored = { ...nothingStored, isEmpty: false, parked };
    const queues = [{ ...queueReport('outbox'), stored, parkedTopics: ['Orders', 'Mails'] }];
    const { entries } = await reported([], 1, { ...run, queues });
    expect(entries[0]!.queues!.outbox!.parked).toEqual(parked);
  });

  test('S2: the state of a queue whose run has just ended has no age', async () => {
    const stored = { ...nothingStored, isEmpty: false };
    const queues = [{ ...queueReport('outbox'), endedAt: performance.now(), stored }];
    const { entries } = await reported([], 1, { ...run, queues });
    expect(entries[0]!.queues!.outbox!.ageMs).toBe(0);
  });

  test('Q11, S2: Done messages that are left to be removed are not reported as a message that is due', async () => {
    const stored = { ...nothingStored, isEmpty: false };
    const queues = [{ ...queueReport('outbox'), stored, purgeInMs: 5_000 }];
    const { entries } = await reported([], 1, { ...run, queues });
    expect(entries[0]!.queues!.outbox).toMatchObject({ nextDueInMs: null });
    expect(entries[0]!.queues!.outbox).not.toHaveProperty('purgeInMs');
  });

  test('S2: topics whose messages succeeded are in it, each with its queue', async () => {
    const of = (topic: string) => ({ topic, source: null });
    const queues = [
      { ...queueReport('outbox'), succeededTopics: [of('orders'), of('mails')] },
      { ...queueReport('inbox'), succeededTopics: [of('orders')] },
    ];
    const { entries } = await reported([], 1, { ...run, queues });
    expect(entries[0]!.succeeded).toEqual([
      { queue: 'outbox', ...of('orders') },
      { queue: 'outbox', ...of('mails') },
      { queue: 'inbox', ...of('orders') },
    ]);
  });

  test('S5: the times of all queues’ messages are in it, unless the history is off', async () => {
    const at = (bucket: number, maxMs: number) => {
      const buckets = new Array<number>(bucketCount).fill(0);
      buckets[bucket] = 1;
      return { buckets, maxMs };
    };
    const queues = [
      { ...queueReport('outbox'), wait: at(1, 4), handle: at(0, 1) },
      { ...queueReport('inbox'), wait: at(2, 9), handle: at(3, 20) },
    ];
    const { entries } = await reported([], 1, { ...run, queues });
    const { wait, handle } = entries[0]!.times!;
    expect([wait.maxMs, handle.maxMs]).toEqual([9, 20]);
    expect([wait.buckets.slice(0, 4), handle.buckets.slice(0, 4)]).toEqual([
      [0, 1, 1, 0],
      [1, 0, 0, 1],
    ]);
    const off = await reported([], 1, { ...run, queues }, false);
    expect(off.entries[0]).not.toHaveProperty('times');
  });

  test.each([
    [1, [0, 200, 600]],
    [0, [0, 100, 300]],
  ])(
    'D7: a registry that is away is asked three times, each time after a longer pause with jitter (random %p)',
    async (random, times) => {
      const { taken, asked, entries, logger } = await reported([away(), away()], random);
      expect([taken, asked, entries.length, logger.lines]).toEqual([{ woken: false }, times, 1, []]);
    },
  );

  test('D7, S1: after the third failure the tenant waits for the redispatch time, and the log says so', async () => {
    const { taken, asked, entries, logger } = await reported([away(), away(), away(), away()]);
    expect([taken, asked.length, entries]).toEqual([null, 3, []]);
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { error: { code: 'REGISTRY_UNAVAILABLE' } } },
    ]);
  });

  test('D7, F7: it has the id and the schedule of its run at each try, because the answer to an earlier one may be lost', async () => {
    const tries: TenantReport[] = [];
    const registry = {
      async report(entry: TenantReport) {
        tries.push(entry);
        if (tries.length < 3) throw away();
        return { woken: false, chosen: true, lastRunUtc: null, moved: false };
      },
    } as Partial<Registry> as Registry;
    const next = { schedule: { ...schedule, nextDueInMs: 60_000 }, continues: { redispatchMs: 1_000 } };
    const taken = reportRun({ registry, random: () => 1, keepsHistory: false }, run, next, recordingLogger());
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await taken).toMatchObject({ chosen: true });
    const same = { reportId: run.runId, ...next };
    expect(tries).toMatchObject([same, same, same]);
  });

  test.each([
    [new MultiOutboxError('UNKNOWN_TENANT', 'no such tenant')],
    [Object.assign(new Error('a bug'), { transient: true })],
  ])('D7: what would fail again is not repeated (%p)', async (error) => {
    const { taken, asked, logger } = await reported([error]);
    expect([taken, asked.length, logger.lines.length]).toEqual([null, 1, 1]);
  });
});
