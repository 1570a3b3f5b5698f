import { emptyHistogram } from '../../../../src/engine/histogram.ts';
import { scheduleAfter } from '../../../../src/fleet/dispatch/report-run.ts';
import type { RunReport } from '../../../../src/fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../../../../src/fleet/dispatch-request.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import type { QueueReport } from '../../../../src/queue/report.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { planOf, reportOf } from '../../../support/requests.ts';

const settings = {
  idleFloorMs: 1_000,
  idleCeilingMs: 60_000,
  lookWithinMs: 86_400_000,
  failureCeilingMs: 600_000,
};
const [request] = planOf('acme').requests;

function scheduled(report: Partial<RunReport>, of: Partial<DispatchRequest> = {}, overrides = {}) {
  const tenant = tenantRecord('acme', { ...tenantDefinition({ id: 'acme', overrides }) });
  const run = { tenant, request: { ...request!, ...of }, report: { ...reportOf(request!), ...report } };
  return scheduleAfter(run, settings, () => 1);
}

const queueOf = (heldForMs?: number): QueueReport => ({
  queue: 'outbox',
  status: heldForMs === undefined ? 'idle' : 'leased-elsewhere',
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
  ...(heldForMs !== undefined && { heldBy: { owner: 'other', expiresInMs: heldForMs } }),
});

describe('the schedule after a run (D7, F5)', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('F5: the request’s streaks go on, and begin at nothing where it has none', () => {
    expect(scheduled({})).toEqual({ mode: 'set', nextDueInMs: 2_000, idleStreak: 1, failureStreak: 0 });
    expect(scheduled({}, { idleStreak: 2 })).toMatchObject({ nextDueInMs: 8_000, idleStreak: 3 });
    expect(scheduled({ outcome: 'failed' })).toMatchObject({ nextDueInMs: 5_000, failureStreak: 1 });
    expect(scheduled({ outcome: 'failed' }, { failureStreak: 2 })).toMatchObject({
      nextDueInMs: 20_000,
      failureStreak: 3,
    });
  });

  test('F1, F5: the tenant’s own idle ceiling counts before the setting', () => {
    expect(scheduled({}, { idleStreak: 30 }).nextDueInMs).toBe(60_000);
    expect(scheduled({}, { idleStreak: 30 }, { idleCeilingMs: '10s' }).nextDueInMs).toBe(10_000);
    expect(scheduled({}, { idleStreak: 30 }, { idleCeilingMs: 'never' }).nextDueInMs).toBe(86_400_000);
    expect(scheduled({}, { idleStreak: 30 }, { idleCeilingMs: '10d' }).nextDueInMs).toBe(86_400_000);
  });

  test('F5: held queues: due at the latest when the first of their leases has run out', () => {
    const queues = [queueOf(20_000), queueOf(), queueOf(3_000)];
    expect(scheduled({ queues }, { idleStreak: 30 })).toMatchObject({ mode: 'at-most', nextDueInMs: 4_000 });
    const one = scheduled({ queues: [queueOf(20_000)] }, { idleStreak: 30 });
    expect(one).toMatchObject({ mode: 'at-most', nextDueInMs: 21_000 });
  });

  test('F5, Q11: times count from the end of each queue’s run, however much later the report is sent', () => {
    const later = { ...queueOf(), nextDueInMs: 1_500 };
    jest.advanceTimersByTime(700);
    const sooner = { ...queueOf(), nextDueInMs: 1_000 };
    jest.advanceTimersByTime(200);
    expect(scheduled({ queues: [later, sooner] }).nextDueInMs).toBe(600);
    jest.advanceTimersByTime(5_000);
    expect(scheduled({ queues: [later, sooner] }).nextDueInMs).toBe(0);
    const held = queueOf(3_000);
    jest.advanceTimersByTime(500);
    expect(scheduled({ queues: [held] }, { idleStreak: 30 }).nextDueInMs).toBe(3_500);
  });

  test('F5, Q12: while Done messages are left to be removed, the tenant is due soon, counted from its run’s end', () => {
    const dueAfter = (fields: Partial<QueueReport>, report: Partial<RunReport> = {}) => {
      const queue = { ...queueOf(), purgeInMs: 5_000, ...fields };
      jest.advanceTimersByTime(400);
      return scheduled({ queues: [queueOf(), queue], ...report }, { idleStreak: 5 }).nextDueInMs;
    };
    expect(dueAfter({})).toBe(4_600);
    expect(dueAfter({ nextDueInMs: 40_000 })).toBe(4_600);
    expect(dueAfter({ nextDueInMs: 1_000 })).toBe(600);
    expect(dueAfter({}, { more: true })).toBe(0);
    const held = { queues: [queueOf(60_000), { ...queueOf(), purgeInMs: 5_000 }] };
    expect(dueAfter({}, { outcome: 'skipped', ...held })).toBe(4_600);
    expect(dueAfter({}, { outcome: 'failed' })).toBe(5_000);
    expect(dueAfter({}, { outcome: 'resuming' })).toBe(15_000);
  });

  test('Q12: with the idle ceiling never, Done messages that are left do not make the tenant due', () => {
    const never = { idleCeilingMs: 'never' };
    const left = { ...queueOf(), purgeInMs: 5_000 };
    expect(scheduled({ queues: [left] }, {}, never).nextDueInMs).toBe(86_400_000);
    expect(scheduled({ queues: [{ ...left, nextDueInMs: 9_000 }] }, {}, never).nextDueInMs).toBe(9_000);
  });

  test('F5: a backlog is due now; a known due time counts', () => {
    expect(scheduled({ outcome: 'dispatched', more: true })).toMatchObject({ mode: 'set', nextDueInMs: 0 });
    expect(scheduled({ queues: [{ ...queueOf(), nextDueInMs: 500 }] })).toMatchObject({ nextDueInMs: 500 });
  });
});
