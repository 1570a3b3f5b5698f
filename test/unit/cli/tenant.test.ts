/** S2: counts that ended at a limit are shown as such. */
import { fleetStoredText, queueStateText, storedText } from '../../../src/cli/output/tenant.ts';
import type { TenantSchedule } from '../../../src/engine/registry.ts';
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
