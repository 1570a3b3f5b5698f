/** F3: several planners share the tenants by ranges, and each range has a plan lease of its own. */
import { rangeOf } from '../../src/engine/plan-range.ts';
import type { BeginPlan, BeginPlanResult, Registry } from '../../src/engine/registry.ts';
import { clockPasses } from './clock.ts';
import { add, beginPlan, choose, type DuePlan, duePlan, ids, report } from './registry-entry.ts';
import { anHour } from './run.ts';
import type { Scene } from './scene.ts';

const of = 3;
const names = Array.from({ length: 30 }, (_, index) => `tenant-${index}`);
const namesIn = (range: number, ranges = of) => names.filter((id) => rangeOf(id, ranges) === range);

function planRange(
  registry: Registry,
  range: number,
  options: Partial<BeginPlan> = {},
): Promise<BeginPlanResult> {
  return beginPlan(registry, { owner: `planner-${range}`, range: { range, of }, ...options });
}

async function dueRange(
  registry: Registry,
  range: number,
  options: Partial<BeginPlan> = {},
): Promise<DuePlan> {
  const plan = await planRange(registry, range, options);
  if (plan.status !== 'due') throw new Error(`expected due tenants, got ${JSON.stringify(plan)}`);
  return plan;
}

const commitRange = (registry: Registry, plan: DuePlan, range: number, ranges = of) =>
  registry.commitPlan({
    lease: plan.lease,
    choices: choose(plan.candidates),
    redispatchMs: anHour,
    range: { range, of: ranges },
  });

async function addAll(registry: Registry): Promise<void> {
  for (const id of names) await add(registry, id);
}

export function registryPlannersSuite(scene: Scene): void {
  describe('registry: several planners', () => {
    test('F3: three plans at once have a lease each, and between them every tenant once', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      const plans = [];
      for (let range = 1; range <= of; range++) plans.push(await dueRange(registry, range));
      for (const [index, plan] of plans.entries()) {
        expect(ids(plan.candidates).sort()).toEqual(namesIn(index + 1).sort());
        expect(plan.due).toBe(plan.candidates.length);
      }
      const held = (await registry.leases.list()).filter((lease) => lease.held);
      expect(held.map(({ name }) => name).sort()).toEqual(['plan:1/3', 'plan:2/3', 'plan:3/3']);
      const won = [];
      for (const [index, plan] of plans.entries())
        won.push(...(await commitRange(registry, plan, index + 1)));
      expect(won.sort()).toEqual([...names].sort());
      expect(await planRange(registry, 1)).toMatchObject({ status: 'idle' });
      expect((await registry.leases.list()).filter((lease) => lease.held)).toEqual([]);
    });

    test('F3: a range has one planner at a time; the others are free meanwhile', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      await dueRange(registry, 2, { owner: 'first' });
      expect(await planRange(registry, 2, { owner: 'second' })).toMatchObject({
        status: 'leased-elsewhere',
        owner: 'first',
      });
      expect(await planRange(registry, 3, { owner: 'second' })).toMatchObject({ status: 'due' });
    });

    test.each(['longest-due', 'backlog', 'priority', 'deadline', 'weight'] as const)(
      'F4: a plan by %s reads only the tenants of its range',
      async (order) => {
        const { registry } = await scene.registry();
        for (const [index, id] of names.entries())
          await add(registry, id, { priority: index, weight: index + 1, slaSeconds: 100 - index });
        const plan = await dueRange(registry, 1, { limit: 3, order });
        const mine = new Set(namesIn(1));
        expect(ids(plan.candidates).filter((id) => !mine.has(id))).toEqual([]);
        expect(plan.candidates.length).toBeGreaterThanOrEqual(3);
        expect(plan.due).toBe(mine.size);
      },
    );

    test('F3: hosts with other numbers of planners never both get a tenant', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      const whole = await duePlan(registry, { owner: 'old' });
      const third = await dueRange(registry, 1);
      const half = await beginPlan(registry, { owner: 'half', range: { range: 2, of: 2 } });
      if (half.status !== 'due') throw new Error('expected due tenants');
      const won = await commitRange(registry, third, 1);
      expect(won.sort()).toEqual(namesIn(1).sort());
      const wonByHalf = await commitRange(registry, half, 2, 2);
      expect(wonByHalf.sort()).toEqual(
        namesIn(2, 2)
          .filter((id) => !won.includes(id))
          .sort(),
      );
      const rest = await registry.commitPlan({
        lease: whole.lease,
        choices: choose(whole.candidates),
        redispatchMs: anHour,
      });
      expect([...rest, ...won, ...wonByHalf].sort()).toEqual([...names].sort());
    });

    test('L2: an owner whose plan of a range was open, and who finds nothing due now, holds no lease', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      await dueRange(registry, 2);
      for (const id of names) await registry.setStatus(id, 'paused');
      expect(await planRange(registry, 2)).toMatchObject({ status: 'idle' });
      expect((await registry.leases.list()).filter((lease) => lease.held)).toEqual([]);
    });

    test('F3: each range knows its own previous plan; a minute begins once for all', async () => {
      const { registry } = await scene.registry();
      const first = await planRange(registry, 1);
      expect(first).toMatchObject({
        previous: { sinceMs: null, unfinished: false, isFirstOfMinute: true },
      });
      await clockPasses(registry.leases);
      await clockPasses(registry.leases);
      await planRange(registry, 1);
      const second = await planRange(registry, 2);
      if (second.status !== 'idle') throw new Error('expected no due tenant');
      // It counts from the first plan of any range, because nobody has planned this range since.
      expect(second.previous.sinceMs).toBeGreaterThan(0);
      expect(second.previous.isFirstOfMinute).toBe(false);
    });

    test('F3: a plan that never committed is noticed by the next plan of its range only', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      await dueRange(registry, 1);
      expect((await dueRange(registry, 2)).previous.unfinished).toBe(false);
      expect((await dueRange(registry, 1)).previous.unfinished).toBe(true);
    });

    test('F3: a plan of all tenants that never committed is noticed by the first plan of each range, and by no later one', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      await duePlan(registry, { owner: 'old' });
      expect((await dueRange(registry, 1)).previous.unfinished).toBe(true);
      expect((await dueRange(registry, 2)).previous.unfinished).toBe(true);
      await clockPasses(registry.leases);
      const all = await duePlan(registry, { owner: 'old' });
      expect(all.previous.unfinished).toBe(false);
    });

    test('Q16: after the clock was set back, no range keeps a time that is later than now', async () => {
      const { stage, registry } = await scene.registry();
      await addAll(registry);
      for (let range = 1; range <= of; range++) await planRange(registry, range);
      await stage.setClockBack('registry', anHour);
      await planRange(registry, 1);
      expect((await registry.fleet()).lastPlan!.ageMs).toBeGreaterThanOrEqual(0);
      // One planner again: the last plan is its own, and not the time that a range had.
      await clockPasses(registry.leases);
      await duePlan(registry, { owner: 'old' });
      expect((await registry.fleet()).lastPlan).toMatchObject({ due: names.length });
    });

    test('F6: the last plan is that of the range that was planned the longest ago; the sums are of all', async () => {
      const { registry } = await scene.registry();
      await addAll(registry);
      const plan = await dueRange(registry, 1);
      await commitRange(registry, plan, 1);
      await planRange(registry, 2);
      await planRange(registry, 3);
      const before = (await registry.fleet()).lastPlan!;
      expect(before).toMatchObject({ due: names.length, chosen: namesIn(1).length });
      await clockPasses(registry.leases);
      await planRange(registry, 1);
      await planRange(registry, 2);
      // Nobody plans the third.
      expect((await registry.fleet()).lastPlan!.utc.getTime()).toBeLessThan(
        before.utc.getTime() + before.ageMs + 1,
      );
      const stale = (await registry.fleet()).lastPlan!.utc;
      await clockPasses(registry.leases);
      await planRange(registry, 3);
      expect((await registry.fleet()).lastPlan!.utc.getTime()).toBeGreaterThan(stale.getTime());
    });

    test('F6: after a plan of all tenants, the last plan is that one, and no range is late', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      for (let range = 1; range <= of; range++) await planRange(registry, range);
      await clockPasses(registry.leases);
      const all = await duePlan(registry, { owner: 'old' });
      expect((await registry.fleet()).lastPlan).toMatchObject({ due: 1, chosen: 0 });
      await registry.commitPlan({ lease: all.lease, choices: choose(all.candidates), redispatchMs: anHour });
      const { lastPlan } = await registry.fleet();
      expect(lastPlan).toMatchObject({ due: 1, chosen: 1 });
      await report(registry, 'a');
      await clockPasses(registry.leases);
      const next = await planRange(registry, 3);
      if (next.status !== 'idle') throw new Error('expected no due tenant');
      const after = (await registry.fleet()).lastPlan!;
      expect(after.utc.getTime()).toBe(lastPlan!.utc.getTime());
      // Not since its own last plan, which was before.
      expect(next.previous.sinceMs).toBeLessThanOrEqual(after.ageMs);
    });

    test('F3: without a due tenant in the range, a plan is idle, and tells when its own next one is due', async () => {
      const { registry } = await scene.registry();
      const [mine, other] = [namesIn(1)[0]!, namesIn(2)[0]!];
      await add(registry, mine);
      await add(registry, other);
      await report(registry, mine, { nextDueInMs: anHour });
      const plan = await planRange(registry, 1);
      if (plan.status !== 'idle') throw new Error('expected no due tenant');
      expect(plan.nextDueInMs).toBeGreaterThan(anHour / 2);
      expect(ids((await dueRange(registry, 2)).candidates)).toEqual([other]);
      expect(await planRange(registry, 3)).toMatchObject({ status: 'idle', nextDueInMs: null });
    });
  });
}
