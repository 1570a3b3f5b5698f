/** F3, F4: one call plans all ranges that no other planner plans, and shares its capacity between them. */
import type { PlanRange } from '../../../../src/engine/plan-range.ts';
import type { DispatchRequest } from '../../../../src/fleet/dispatch-request.ts';
import { PlanRanges, together } from '../../../../src/fleet/plan/plan-ranges.ts';
import { emptyPlan, type PlanReport } from '../../../../src/fleet/plan/plan-report.ts';
import { type LogLine, recordingLogger } from '../../../support/recording-logger.ts';

const planners = 3;

function rangesOf(lines: LogLine[] = [], owner = 'host') {
  return new PlanRanges({ planners, owner, logger: recordingLogger(lines) });
}

const requests = (count: number, range = 0) =>
  Array.from({ length: count }, (_, nth) => ({ tenantId: `${range}-${nth}` }) as DispatchRequest);

/** Plans of ranges with so many due tenants each; a plan chooses those that fit. */
function planOf(due: Record<number, number>) {
  const calls: [range: number, capacity: number][] = [];
  const plan = async ({ range }: PlanRange, capacity: number): Promise<PlanReport> => {
    calls.push([range, capacity]);
    const chosen = Math.min(due[range]!, capacity);
    const report = { ...emptyPlan, due: due[range]!, requests: requests(chosen, range) };
    due[range]! -= chosen;
    return { ...report, status: chosen > 0 ? 'planned' : 'idle', more: due[range]! > 0 };
  };
  return { calls, plan };
}

test('F3: one host plans every range, each once, and hosts begin with different ones', async () => {
  const firsts = new Set<number>();
  for (let host = 0; host < 30; host++) {
    const { calls, plan } = planOf({ 1: 2, 2: 2, 3: 2 });
    const report = await rangesOf([], `host-${host}`).plan(100, plan);
    expect(calls.map(([range]) => range).sort()).toEqual([1, 2, 3]);
    expect(report).toMatchObject({ status: 'planned', due: 6, more: false });
    expect(new Set(report.requests.map(({ tenantId }) => tenantId)).size).toBe(6);
    firsts.add(calls[0]![0]);
  }
  expect([...firsts].sort()).toEqual([1, 2, 3]);
});

test('F4: each range may take an equal part of the capacity that is left', async () => {
  const { calls, plan } = planOf({ 1: 100, 2: 100, 3: 100 });
  const report = await rangesOf().plan(10, plan);
  expect(calls.map(([, capacity]) => capacity)).toEqual([4, 3, 3]);
  expect(report.requests).toHaveLength(10);
  expect(report.more).toBe(true);
});

test('F4: what a range leaves of its part is for the next ones', async () => {
  const due = { 1: 0, 2: 0, 3: 0 };
  const ranges = rangesOf();
  const { calls, plan } = planOf(due);
  await ranges.plan(9, plan);
  const [, second, third] = calls.map(([range]) => range);
  due[second as 1] = 100;
  calls.length = 0;
  // This call begins with the second range of the last one.
  const report = await ranges.plan(9, plan);
  expect(calls[0]).toEqual([second, 3]);
  expect(calls[1]).toEqual([third, 3]);
  expect(calls[2]![1]).toBe(6);
  expect(report).toMatchObject({ due: 100, more: true });
});

test('F4: capacity that the later ranges leave goes to the earlier ones', async () => {
  const due = { 1: 0, 2: 0, 3: 0 };
  const ranges = rangesOf();
  const { calls, plan } = planOf(due);
  await ranges.plan(9, plan);
  due[calls[1]![0] as 1] = 7;
  const report = await ranges.plan(9, plan);
  expect(report).toMatchObject({ due: 7, more: false });
  expect(report.requests).toHaveLength(7);
});

test('D5: a host that closes plans no further range', async () => {
  const closing = new AbortController();
  const { calls, plan } = planOf({ 1: 5, 2: 5, 3: 5 });
  const ending = async (range: PlanRange, capacity: number) => {
    closing.abort();
    return plan(range, capacity);
  };
  const report = await rangesOf().plan(100, ending, closing.signal);
  expect(calls).toHaveLength(1);
  expect(report).toMatchObject({ status: 'planned', more: true });
});

test('F4: with a capacity of one, every range with due tenants gets its turn', async () => {
  const { plan } = planOf({ 1: 50, 2: 50, 3: 50 });
  const ranges = rangesOf();
  const served: string[] = [];
  for (let nth = 0; nth < 9; nth++) {
    const report = await ranges.plan(1, plan);
    expect(report).toMatchObject({ status: 'planned', more: true });
    served.push(report.requests[0]!.tenantId[0]!);
  }
  for (let nth = 0; nth < 9; nth += 3) expect(served.slice(nth, nth + 3).sort()).toEqual(['1', '2', '3']);
});

test('F3: a range that this process is planning is left out, so that its owner keeps the lease', async () => {
  const { calls, plan } = planOf({ 1: 1, 2: 1, 3: 1 });
  let end!: () => void;
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  const ranges = rangesOf();
  let first: number | undefined;
  const slow = ranges.plan(10, async (range, capacity) => {
    if (first === undefined) {
      first = range.range;
      await held;
    }
    return plan(range, capacity);
  });
  const other = await ranges.plan(10, plan);
  expect(calls.map(([range]) => range)).not.toContain(first);
  expect(other).toMatchObject({ status: 'planned', due: 2 });
  end();
  expect((await slow).requests.map(({ tenantId }) => tenantId)).toEqual([`${first}-0`]);
});

test('F3: a plan that fails loses no request of the ranges before it; the next call begins after its range', async () => {
  const lines: LogLine[] = [];
  const ranges = rangesOf(lines);
  const order: number[] = [];
  const report = await ranges.plan(10, async ({ range }) => {
    order.push(range);
    if (order.length === 2) throw new Error('the registry is away');
    return { ...emptyPlan, status: 'planned', requests: requests(2), due: 2 };
  });
  expect(report).toMatchObject({ status: 'planned', more: true });
  expect(report.requests).toHaveLength(2);
  expect(lines).toMatchObject([{ level: 'error', fields: { range: order[1], of: 3 } }]);
  const { calls, plan } = planOf({ 1: 0, 2: 0, 3: 0 });
  await ranges.plan(10, plan);
  expect(calls[0]![0]).toBe((order[1]! % 3) + 1);
});

test('F3: a plan that fails before any tenant was chosen throws', async () => {
  const ranges = rangesOf();
  await expect(ranges.plan(10, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  // Its range is not taken for one under way.
  const { calls, plan } = planOf({ 1: 0, 2: 0, 3: 0 });
  await ranges.plan(10, plan);
  expect(calls).toHaveLength(3);
});

test('F3: the reports of the ranges are one report', () => {
  const idle: PlanReport = { ...emptyPlan, oldestDueMs: 0, sinceLastPlanMs: 900, nextDueInMs: 40 };
  const away: PlanReport = { ...emptyPlan, status: 'leased-elsewhere' };
  const late: PlanReport = {
    ...emptyPlan,
    status: 'planned',
    requests: requests(1),
    due: 3,
    oldestDueMs: 70,
    conflicts: 1,
    more: true,
    sinceLastPlanMs: 5_000,
    late: true,
    unfinished: true,
  };
  expect(together([idle, { ...idle, nextDueInMs: 20, sinceLastPlanMs: 1_000 }])).toEqual({
    ...idle,
    nextDueInMs: 20,
    sinceLastPlanMs: 1_000,
  });
  expect(together([{ ...idle, nextDueInMs: null }, idle]).nextDueInMs).toBe(40);
  // A woken tenant may be in the range that another planner has: a host tries again.
  expect(together([idle, away])).toMatchObject({ status: 'leased-elsewhere', nextDueInMs: null });
  expect(together([idle, late, away])).toEqual({ ...late, nextDueInMs: null });
});
