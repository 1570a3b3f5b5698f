/** S2: counts that ended at a limit are shown as such. */
import {
  fleetStoredText,
  lastRunText,
  queueStateText,
  storedText,
  unreportedText,
} from '../../../src/cli/output/tenant.ts';
import type { TenantRecord, TenantSchedule } from '../../../src/engine/registry.ts';
import type { QueueState } from '../../../src/engine/tenant-report.ts';

const state: QueueState = {
  ready: 10_000,
  due: 7,
  blocked: 0,
  dead: 10_000,
  parked: [
    { topic: 'orders', count: 9_000 },
    { topic: 'refunds', count: 1_000 },
  ],
  atLeast: ['ready', 'dead', 'parked'],
  isEmpty: false,
  oldestDueAgeMs: 180_000,
  nextDueInMs: null,
  asOfUtc: new Date(0),
};
const exact: QueueState = { ...state, ready: 12, dead: 2, atLeast: [] };
const scheduleOf = (...queues: QueueState[]) =>
  ({
    queues: Object.fromEntries(queues.map((each, nth) => [nth === 0 ? 'outbox' : 'inbox', each])),
  }) as TenantSchedule;

test('S2: a tenant’s sum is followed by + when a count in it ended at its limit', () => {
  expect(storedText(scheduleOf(exact), 'dead')).toBe('2');
  expect(storedText(scheduleOf(exact, state), 'dead')).toBe('10,002+');
  expect(storedText(scheduleOf(state), 'parked')).toBe('10,000+');
  expect(storedText(scheduleOf(), 'dead')).toBe('');
});

test('S2: a queue’s counts have + each, and parked topics are at least so many', () => {
  expect(queueStateText(exact, 5_000)).toBe(
    '12 ready (7 due, the oldest for 3m; 0 blocked), 2 dead, parked: 9,000 orders, 1,000 refunds; as of 5s ago',
  );
  expect(queueStateText(state, 5_000)).toBe(
    '10,000+ ready (7 due, the oldest for 3m; 0 blocked), 10,000+ dead, parked at least: 9,000 orders, 1,000 refunds; as of 5s ago',
  );
});

test('S2: the fleet’s counts have + each', () => {
  const counts = { ready: 12, due: 7, blocked: 4, dead: 10_000, parked: 0 };
  expect(fleetStoredText({ ...counts, atLeast: ['dead'], oldestDueAgeMs: null, oldestCountMs: 60_000 })).toBe(
    '12 ready, 7 due, 4 blocked, 10,000+ dead, 0 parked; counted up to 60s ago',
  );
});

describe('a run that was planned and has not reported (S2)', () => {
  const now = 600_000;
  const tenant = (lastRunMs: number | null, lastPlannedMs: number | null, status = 'active') => {
    const utc = (ms: number | null) => (ms === null ? null : new Date(ms));
    const schedule = { lastOutcome: 'idle', lastRunUtc: utc(lastRunMs), lastPlannedUtc: utc(lastPlannedMs) };
    return { id: 'acme', status, schedule } as TenantRecord;
  };

  test.each([
    ['has reported', tenant(300_000, 299_000), 'idle, 5m ago'],
    ['has reported, and its report chose the tenant again', tenant(300_000, 300_000), 'idle, 5m ago'],
    ['has not reported', tenant(300_000, 598_000), 'idle, 5m ago; planned 2s ago'],
    ['is the first', tenant(null, 598_000), 'never; planned 2s ago'],
    ['was never planned', tenant(null, null), 'never'],
    ['is of a tenant that was paused meanwhile', tenant(300_000, 598_000, 'paused'), 'idle, 5m ago'],
  ])('S2: it %s', (_, its, text) => {
    expect(lastRunText(its, now)).toBe(text);
    expect(unreportedText(its, now) === '').toBe(!text.includes('planned'));
  });

  test('S2: the text of one tenant says where to look', () => {
    expect(unreportedText(tenant(300_000, 598_000), now)).toMatch(
      /^2s ago, and its run has not reported: .*'multi-outbox leases list acme' names the lease's owner$/,
    );
  });
});
