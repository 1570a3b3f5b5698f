/** What limits a large fleet, computed from measured costs. */
import { defaultLimits, type FleetLoad, type ScaleCosts, scaleOf } from '../../../bench/scale-model.ts';

const load: FleetLoad = {
  name: 'test',
  tenants: 100_000,
  messagesAnHour: 3_600_000,
  messagesARun: 10,
  idleCeilingSeconds: 200,
};
const costs: ScaleCosts = { plan: 0.1, wake: 0.2, report: 0.5, idleRun: 20, busyRun: 140 };

test('F3, F5: plans choose the looks, wakes choose the runs of messages, and each run reports', () => {
  const { looksASecond, runsASecond, uses, first } = scaleOf(load, costs, defaultLimits);
  expect(looksASecond).toBe(500);
  expect(runsASecond).toBe(600);
  expect(uses.planner).toBeCloseTo(0.05);
  expect(uses.planCapacity).toBeCloseTo((500 * 5) / 10_000);
  // 500 looks, 1,000 wakes, 600 reports.
  expect(uses.registry).toBeCloseTo(0.05 + 0.2 + 0.3);
  expect(uses.dispatchQueue).toBeCloseTo(0.3);
  // 10 + 14 runs at once fit into one instance.
  expect(uses.instances).toBeCloseTo(1 / 40);
  expect(uses.connections).toBeCloseTo(9 / 150);
  expect(first).toBe('registry');
});

test('the first limit is the part with the largest share', () => {
  const firstOf = (change: Partial<ScaleCosts>) =>
    scaleOf(load, { ...costs, ...change }, defaultLimits).first;
  expect(firstOf({ plan: 2, wake: 0, report: 0 })).toBe('planner');
  expect(firstOf({ busyRun: 100_000 })).toBe('instances');
  expect(
    scaleOf({ ...load, idleCeilingSeconds: 10 }, { ...costs, plan: 0, report: 0 }, defaultLimits).first,
  ).toBe('dispatchQueue');
});

test('the bill grows with the runs', () => {
  const { bill } = scaleOf(load, costs, defaultLimits);
  expect(bill.queueOperations).toBe(600 * 3 * 2_592_000);
  expect(bill.executions).toBeCloseTo(600.2 * 2_592_000);
  expect(bill.gigabytesOfLogs).toBeCloseTo((600.2 * 2_592_000 * 2) / 1e6);
});
