/** F3, F4, F6: choosing the due tenants, and committing the choice. */
import type { CandidateOrder, TenantDefinition } from '../../src/engine/registry.ts';
import { clockPasses } from './clock.ts';
import {
  add,
  addInTurn,
  beginPlan,
  choose,
  commit,
  duePlan,
  ids,
  planAll,
  report,
  tenantOf,
} from './registry-entry.ts';
import { anHour } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

export function registryPlanSuite(scene: Scene): void {
  describe('registry: plan', () => {
    test('F3: without a due tenant a plan is idle, and the lease is free again', async () => {
      const { registry } = await scene.registry();
      expect(await beginPlan(registry, { owner: 'planner-1' })).toEqual({
        status: 'idle',
        previous: { sinceMs: null, unfinished: false, isFirstOfMinute: true },
        nextDueInMs: null,
      });
      expect(await beginPlan(registry, { owner: 'planner-2' })).toMatchObject({ status: 'idle' });
    });

    test('F3, L1: a plan holds the plan lease; another planner gets the holder', async () => {
      const { stage, registry } = await scene.registry();
      await add(registry, 'a');
      const plan = await duePlan(registry, { owner: 'planner-1' });
      expect(plan.lease.owner).toBe('planner-1');
      expect((await registry.leases.list()).filter(({ held }) => held)).toMatchObject([plan.lease]);
      const other = scene.anotherHost(stage).openRegistry();
      const refused = await beginPlan(other, { owner: 'planner-2' });
      expect(refused).toEqual({
        status: 'leased-elsewhere',
        owner: 'planner-1',
        expiresInMs: expect.any(Number),
      });
      await commit(registry, plan);
      expect(await beginPlan(other, { owner: 'planner-2' })).toMatchObject({ status: 'idle' });
    });

    test('F3: the candidates are the due tenants, longest due first, with their records', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'c', 'a', 'd', 'b');
      await add(registry, 'later');
      await report(registry, 'later', { nextDueInMs: anHour });
      await add(registry, 'paused');
      await registry.setStatus('paused', 'paused');
      await add(registry, 'retired');
      await registry.setStatus('retired', 'retired');
      await report(registry, 'a', { nextDueInMs: 0 });
      const plan = await duePlan(registry);
      expect(ids(plan.candidates)).toEqual(['c', 'd', 'b', 'a']);
      expect(plan.due).toBe(4);
      for (const candidate of plan.candidates) {
        expect(candidate).toEqual({
          tenant: await registry.get(candidate.tenant.id),
          planVersion: expect.any(Number),
          overdueMs: expect.any(Number),
          sincePlannedMs: null,
          woken: false,
        });
      }
      const overdue = plan.candidates.map(({ overdueMs }) => overdueMs);
      expect(overdue).toEqual([...overdue].sort((x, y) => y - x));
      expect(overdue.at(-1)).toBeGreaterThanOrEqual(0);
    });

    test('F3: at most the limit is read, and the plan reports that more are due', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'c', 'a', 'b');
      const first = await duePlan(registry, { limit: 2 });
      expect(ids(first.candidates)).toEqual(['c', 'a']);
      expect(first.due).toBe(3);
      expect(await commit(registry, first)).toEqual(['c', 'a']);
      const second = await duePlan(registry, { limit: 1 });
      expect(ids(second.candidates)).toEqual(['b']);
      expect(second.due).toBe(1);
    });

    const day = 86_400;
    test.each<{ order: CandidateOrder; fields: Partial<TenantDefinition>; backlog?: true }>([
      { order: 'priority', fields: { priority: 5 } },
      { order: 'deadline', fields: { slaSeconds: day } },
      { order: 'weight', fields: { weight: 1e9 } },
      { order: 'backlog', fields: {}, backlog: true },
    ])('F4: a plan that cannot read all reads by $order too, not only the longest due', async (wanted) => {
      const { registry } = await scene.registry();
      await add(registry, 'wanted', wanted.fields);
      for (const id of ['first', 'second', 'third']) await add(registry, id, { slaSeconds: 2 * day });
      // Plan all tenants once, so that `weight` has a time to multiply.
      await planAll(registry);
      for (const id of ['first', 'second', 'third', 'wanted']) {
        await clockPasses(registry.leases);
        const backlog = wanted.backlog === true && id === 'wanted';
        await report(registry, id, { nextDueInMs: 0, backlog });
      }
      const { order } = wanted;
      const plan = await duePlan(registry, { limit: 2, order });
      expect(ids(plan.candidates)).toEqual(['first', 'second', 'wanted']);
      expect(plan.due).toBe(4);
      await commit(registry, plan, []);
      const one = await duePlan(registry, { limit: 1, order });
      expect(ids(one.candidates)).toEqual(['first', 'wanted']);
      await commit(registry, one, []);
      expect(ids((await duePlan(registry, { limit: 4, order })).candidates)).toHaveLength(4);
    });

    test('F4: by weight, a tenant that was never planned is read before all others', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b');
      await planAll(registry);
      for (const id of ['a', 'b']) {
        await report(registry, id, { nextDueInMs: 0 });
        await clockPasses(registry.leases);
      }
      await add(registry, 'new');
      expect(ids((await duePlan(registry, { limit: 1, order: 'weight' })).candidates)).toEqual(['a', 'new']);
    });

    test('F3: a committed tenant is won, and due again only after the redispatch time', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b', 'c');
      const plan = await duePlan(registry);
      const [a, , c] = plan.candidates;
      const before = await tenantOf(registry, 'a');
      expect(await commit(registry, plan, [c!, a!], anHour)).toEqual(['c', 'a']);
      const { schedule, version } = await tenantOf(registry, 'a');
      expect(schedule.nextDueUtc!.getTime() - schedule.lastPlannedUtc!.getTime()).toBe(anHour);
      expect(schedule.lastRunUtc).toBeNull();
      expect(version).toBe(before.version);
      // A tenant that was not chosen is still due.
      const next = await duePlan(registry);
      expect(ids(next.candidates)).toEqual(['b']);
      await commit(registry, next);
      const idle = await beginPlan(registry);
      if (idle.status !== 'idle') throw new Error('expected an idle plan');
      expect(idle.nextDueInMs).toBeGreaterThan(0);
      expect(idle.nextDueInMs).toBeLessThanOrEqual(anHour);
    });

    test('F3: a tenant whose request was lost is due again after the redispatch time', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      const first = await duePlan(registry);
      await commit(registry, first, first.candidates, 50);
      const again = await until('the tenant is due again', async () => {
        const plan = await beginPlan(registry);
        return plan.status === 'due' && plan;
      });
      expect(again.candidates[0]!.sincePlannedMs).toBeGreaterThanOrEqual(50);
      expect(again.candidates[0]!.planVersion).not.toBe(first.candidates[0]!.planVersion);
    });

    test('F3: of two planners never both win a tenant', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b');
      // Both plans read the same candidates; the second one works under the lease’s next fence.
      const first = await duePlan(registry);
      const second = await duePlan(registry);
      expect(await commit(registry, second, second.candidates.slice(0, 1))).toEqual(['a']);
      await report(registry, 'a', { nextDueInMs: 0 });
      const third = await duePlan(registry);
      expect(ids(third.candidates).sort()).toEqual(['a', 'b']);
      // An old choice under a good lease wins only tenants that were not planned since.
      expect(
        await registry.commitPlan({
          lease: third.lease,
          choices: choose(first.candidates),
          redispatchMs: anHour,
        }),
      ).toEqual(['b']);
    });

    test('F3: a planner that lost its lease wins nothing and takes nothing from the holder', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b');
      const lost = await duePlan(registry, { owner: 'planner-1', leaseMs: 50 });
      const plan = await until('the plan lease can be taken', async () => {
        const result = await beginPlan(registry, { owner: 'planner-2' });
        return result.status === 'due' && result;
      });
      expect(plan.lease.fence).toBeGreaterThan(lost.lease.fence);
      expect(await commit(registry, lost)).toEqual([]);
      expect(await beginPlan(registry, { owner: 'planner-3' })).toMatchObject({
        status: 'leased-elsewhere',
        owner: 'planner-2',
      });
      expect(await commit(registry, plan)).toEqual(['a', 'b']);
    });

    test('F3: a tenant that was paused, retired or removed meanwhile is not won', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b', 'c');
      const plan = await duePlan(registry);
      await registry.setStatus('a', 'paused');
      await registry.setStatus('b', 'retired');
      const choices = [...choose(plan.candidates), { tenantId: 'nobody', planVersion: 1 }];
      expect(await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: anHour })).toEqual(['c']);
      expect((await tenantOf(registry, 'a')).schedule.lastPlannedUtc).toBeNull();
    });

    test('F3: a plan that chooses no tenant is a finished plan', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      const plan = await duePlan(registry);
      expect(await commit(registry, plan, [])).toEqual([]);
      const next = await duePlan(registry, { owner: 'planner-2' });
      expect(ids(next.candidates)).toEqual(['a']);
      expect(next.previous.unfinished).toBe(false);
    });

    test('F3: a plan gets the age of the one before, and whether it was finished', async () => {
      const { registry } = await scene.registry();
      expect(await beginPlan(registry)).toMatchObject({ previous: { sinceMs: null, unfinished: false } });
      await add(registry, 'a');
      await clockPasses(registry.leases);
      const lost = await duePlan(registry, { owner: 'planner-1', leaseMs: 30 });
      expect(lost.previous).toMatchObject({ sinceMs: expect.any(Number), unfinished: false });
      expect(lost.previous.sinceMs).toBeGreaterThan(0);
      const second = await until('the plan lease can be taken', async () => {
        const plan = await beginPlan(registry, { owner: 'planner-2' });
        return plan.status === 'due' && plan;
      });
      expect(second.previous.unfinished).toBe(true);
      expect(second.previous.sinceMs).toBeGreaterThanOrEqual(30);
      await commit(registry, second);
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle', previous: { unfinished: false } });
      await report(registry, 'a', { nextDueInMs: 0 });
      expect((await duePlan(registry)).previous.unfinished).toBe(false);
    });

    test('F3: hundreds of due tenants in one plan', async () => {
      const { registry } = await scene.registry();
      for (let index = 0; index < 300; index++) await add(registry, `t${index}`);
      const plan = await duePlan(registry, { limit: 1_000 });
      expect(plan.candidates).toHaveLength(300);
      const won = await commit(registry, plan);
      expect(won).toEqual(ids(plan.candidates));
      expect(await planAll(registry)).toEqual([]);
    });

    test('F6: a plan brings due times beyond the bound forward to it, and leaves the others', async () => {
      const { registry } = await scene.registry();
      for (const id of ['late', 'soon', 'paused']) await add(registry, id);
      await planAll(registry);
      await report(registry, 'late', { nextDueInMs: 1_000 * anHour });
      await report(registry, 'soon', { nextDueInMs: anHour });
      await report(registry, 'paused', { nextDueInMs: 1_000 * anHour });
      await registry.setStatus('paused', 'paused');
      const dueOf = async (id: string) => (await tenantOf(registry, id)).schedule.nextDueUtc!.getTime();
      const [late, soon, paused] = [await dueOf('late'), await dueOf('soon'), await dueOf('paused')];
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await dueOf('late')).toBe(late);
      const plan = await beginPlan(registry, { lookWithinMs: 2 * anHour });
      expect(plan.status).toBe('idle');
      expect((await dueOf('late')) - soon).toBeGreaterThanOrEqual(anHour);
      expect((await dueOf('late')) - late).toBeLessThanOrEqual(-997 * anHour);
      expect([await dueOf('soon'), await dueOf('paused')]).toEqual([soon, paused]);
      // With a bound of nothing all active tenants are due, at the latest for the next plan.
      await beginPlan(registry, { lookWithinMs: 0 });
      const { candidates, due } = await duePlan(registry);
      expect([ids(candidates).sort(), due]).toEqual([['late', 'soon'], 2]);
    });
  });
}
