import { emptyHistogram } from '../../../../src/engine/histogram.ts';
import { MultiOutboxError } from '../../../../src/errors.ts';
import {
  failedReport,
  logReport,
  type RunReport,
  runReport,
  skippedReport,
} from '../../../../src/fleet/dispatch/run-report.ts';
import type { QueueReport } from '../../../../src/queue/report.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { planOf } from '../../../support/requests.ts';

const [request] = planOf('acme').requests;
const run = () => ({ runId: 'run-1', request: request!, startedAt: performance.now() });

function queueReport(fields: Partial<QueueReport> = {}): QueueReport {
  return {
    queue: 'outbox',
    status: 'idle',
    stop: 'drained',
    counts: noCounts,
    parkedTopics: [],
    failingTopics: [],
    succeededTopics: [],
    endedAt: performance.now(),
    wait: emptyHistogram,
    handle: emptyHistogram,
    more: false,
    nextDueInMs: null,
    roundTrips: 1,
    ...fields,
  };
}

const resuming = { code: 'DATABASE_RESUMING', message: 'it wakes up' };
const locked = { code: 'DATABASE_LOCKED', message: 'it is locked' };

describe('one report out of those of the queues (D7)', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('D7: it adds up counts and round trips, has each topic once, the earliest due time, and any backlog', () => {
    const report = runReport(run(), [
      queueReport({
        status: 'dispatched',
        counts: { ...noCounts, done: 2, lost: 1 },
        parkedTopics: ['a', 'b'],
        nextDueInMs: 500,
        roundTrips: 3,
      }),
      queueReport({
        queue: 'inbox',
        counts: { ...noCounts, done: 5, recovered: 4 },
        parkedTopics: ['b', 'c'],
        more: true,
        nextDueInMs: 70,
        roundTrips: 2,
      }),
    ]);
    expect(report).toMatchObject({
      runId: 'run-1',
      tenantId: 'acme',
      outcome: 'dispatched',
      counts: { ...noCounts, done: 7, lost: 1, recovered: 4 },
      parkedTopics: ['a', 'b', 'c'],
      more: true,
      nextDueInMs: 70,
      roundTrips: 5,
    });
    expect(report).not.toHaveProperty('error');
    expect(report).not.toHaveProperty('skipped');
  });

  test('D7, Q11: the next due time counts from the end of the queue’s own run', () => {
    const outbox = queueReport({ nextDueInMs: 1_500 });
    jest.advanceTimersByTime(1_000);
    expect(runReport(run(), [outbox, queueReport({ nextDueInMs: 900 })]).nextDueInMs).toBe(500);
  });

  test('D7: a queue without a next message does not affect the next due time', () => {
    const later = runReport(run(), [queueReport(), queueReport({ nextDueInMs: 70 })]);
    expect([later.nextDueInMs, later.more]).toEqual([70, false]);
    expect(runReport(run(), [queueReport()]).nextDueInMs).toBeNull();
  });

  test.each<[Partial<QueueReport>, Partial<RunReport>]>([
    [{ status: 'idle' }, { outcome: 'idle' }],
    [{ status: 'leased-elsewhere' }, { outcome: 'skipped', skipped: 'leased-elsewhere' }],
    [{ status: 'dispatched' }, { outcome: 'dispatched' }],
    [
      { status: 'failed', error: locked },
      { outcome: 'failed', error: locked },
    ],
    [
      { status: 'failed', error: resuming },
      { outcome: 'resuming', error: resuming },
    ],
  ])('D7: what one queue came to is the run’s outcome beside an idle one (%j)', (one, outcome) => {
    expect(runReport(run(), [queueReport(one), queueReport()])).toMatchObject(outcome);
    expect(runReport(run(), [queueReport(), queueReport(one)])).toMatchObject(outcome);
  });

  test('D7: the outcome is failed before dispatched before held elsewhere', () => {
    const [failed, dispatched, held] = [
      queueReport({ status: 'failed', error: locked }),
      queueReport({ status: 'dispatched' }),
      queueReport({ status: 'leased-elsewhere' }),
    ];
    expect(runReport(run(), [dispatched, failed])).toMatchObject({ outcome: 'failed', error: locked });
    const report = runReport(run(), [held, dispatched]);
    expect(report.outcome).toBe('dispatched');
    expect(report).not.toHaveProperty('skipped');
  });

  test('D7: a run that touched no queue has no duration and its reason; one without a database has its error', () => {
    expect(skippedReport({ ...run(), startedAt: -1_000 }, 'stale')).toMatchObject({
      outcome: 'skipped',
      skipped: 'stale',
      queues: [],
      durationMs: 0,
    });
    expect(failedReport(run(), new MultiOutboxError('DATABASE_LOCKED', 'it is locked'))).toMatchObject({
      outcome: 'failed',
      error: locked,
    });
  });
});

describe('the figures of a run (D7)', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('D7: the duration is in whole milliseconds', () => {
    jest.spyOn(performance, 'now').mockReturnValue(5_000.3);
    expect(runReport({ ...run(), startedAt: 3_800 }, []).durationMs).toBe(1_200);
  });

  test('D7: the longest time for which the event loop was blocked is in it, if it was', () => {
    const blocks = [70, 900, 300].map((ms) =>
      queueReport({ blockedLoop: { topic: `t${ms}`, ms, measured: true } }),
    );
    expect(runReport(run(), [queueReport(), ...blocks]).blockedLoop).toEqual({
      topic: 't900',
      ms: 900,
      measured: true,
    });
    expect(runReport(run(), [queueReport()])).not.toHaveProperty('blockedLoop');
  });

  test('D7: a queue that failed without an error makes the run fail as well', () => {
    const report = runReport(run(), [queueReport({ status: 'failed' })]);
    expect(report.outcome).toBe('failed');
    expect(report).not.toHaveProperty('error');
  });
});

describe('the log line of a blocked event loop (D7)', () => {
  const lines = (topic: string | null, ms: number) => {
    const logger = recordingLogger();
    logReport(logger, { ...runReport(run(), []), blockedLoop: { topic, ms, measured: true } });
    return logger.lines.filter(({ fields }) => 'blockedMs' in fields);
  };

  test('D7: the handler of a topic is a warning, the database information, each with what to do', () => {
    expect(lines('orders', 500)).toEqual([
      {
        level: 'warn',
        message: expect.stringMatching(/handler blocked the event loop.*worker thread/),
        fields: { topic: 'orders', blockedMs: 500 },
      },
    ]);
    expect(lines(null, 500)).toEqual([
      {
        level: 'info',
        message: expect.stringContaining('Lower MULTI_OUTBOX_BATCH_BYTES'),
        fields: { blockedMs: 500 },
      },
    ]);
  });

  test('D7: a block that was not measured in the handler is a warning that names other causes, too', () => {
    const logger = recordingLogger();
    const blockedLoop = { topic: 'orders', ms: 500, measured: false };
    logReport(logger, { ...runReport(run(), []), blockedLoop });
    expect(logger.lines[0]).toEqual({
      level: 'warn',
      message: expect.stringMatching(/^Something blocked the event loop.*a CPU profile shows which/),
      fields: { topic: 'orders', blockedMs: 500 },
    });
    expect(logger.lines).toHaveLength(2);
  });

  test('D7: below half a second there is none', () => {
    expect(lines('orders', 499)).toEqual([]);
  });
});

describe('the log line of a run (D7)', () => {
  const line = (fields: Partial<RunReport>) => {
    const logger = recordingLogger();
    logReport(logger, { ...runReport(run(), []), ...fields });
    expect(logger.lines).toHaveLength(1);
    return logger.lines[0]!;
  };

  test.each<[RunReport['outcome'], string]>([
    ['idle', 'debug'],
    ['skipped', 'debug'],
    ['resuming', 'debug'],
    ['dispatched', 'info'],
    ['failed', 'error'],
  ])('D7: %s is logged at level %s', (outcome, level) => {
    expect(line({ outcome })).toMatchObject({ level, fields: { outcome, done: 0, more: false } });
  });

  test('D7: topics without a handler and lost outcomes are warnings; a failure’s log line has its error', () => {
    expect(line({ outcome: 'dispatched', parkedTopics: ['a'] })).toMatchObject({
      level: 'warn',
      fields: { parkedTopics: ['a'] },
    });
    // An idle run only found messages that an earlier one had parked.
    expect(line({ outcome: 'idle', parkedTopics: ['a'] })).toMatchObject({ level: 'debug' });
    expect(line({ outcome: 'dispatched', counts: { ...noCounts, lost: 1 } })).toMatchObject({
      level: 'warn',
      fields: { lost: 1 },
    });
    expect(line({ outcome: 'failed', error: locked, parkedTopics: ['a'] })).toMatchObject({
      level: 'error',
      fields: { error: locked },
    });
  });
});
