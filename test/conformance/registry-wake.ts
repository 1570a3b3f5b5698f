/** F7: wakes, which choose a tenant as a plan does, make it due, or leave a note for the run that is in flight. */
import { clockPasses } from './clock.ts';
import {
  add,
  addInTurn,
  beginPlan,
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

export function registryWakeSuite(scene: Scene): void {
  describe('registry: wake', () => {
    const one = { capacity: 1, redispatchMs: anHour };

    /** A registry with these tenants, each due in an hour and not in flight. */
    async function idle(...names: string[]) {
      const { stage, registry } = await scene.registry();
      for (const id of names) await add(registry, id);
      await planAll(registry);
      for (const id of names) await report(registry, id);
      return { stage, registry };
    }

    test('F7: a wake makes active tenants due now, and says which', async () => {
      const { registry } = await idle('a', 'b', 'never', 'paused', 'retired');
      await report(registry, 'never', { nextDueInMs: null });
      await registry.setStatus('paused', 'paused');
      await registry.setStatus('retired', 'retired');
      const woken = await registry.wake(['never', 'paused', 'a', 'nobody', 'retired']);
      expect(woken).toMatchObject({ tenantIds: ['never', 'a'], chosen: [], due: ['never', 'a'] });
      const plan = await duePlan(registry);
      expect(plan.candidates.map(({ tenant, woken }) => [tenant.id, woken]).sort()).toEqual([
        ['a', true],
        ['never', true],
      ]);
      expect(await registry.wake([])).toMatchObject({ tenantIds: [], chosen: [], due: [] });
    });

    test('F7: a wake may choose a tenant, as a plan does: no plan chooses it too', async () => {
      const { registry } = await idle('a', 'b');
      await clockPasses(registry.leases);
      const before = await tenantOf(registry, 'a');
      const { tenantIds, chosen, due } = await registry.wake(['a'], one);
      expect([tenantIds, due]).toEqual([['a'], []]);
      expect(chosen).toEqual([await tenantOf(registry, 'a')]);
      const { schedule, version } = chosen[0]!;
      expect(schedule.nextDueUtc!.getTime() - schedule.lastPlannedUtc!.getTime()).toBe(anHour);
      // A strategy counts the choice as a plan's.
      expect(schedule.lastPlannedUtc!.getTime()).toBeGreaterThan(before.schedule.lastPlannedUtc!.getTime());
      expect([version, schedule.lastRunUtc]).toEqual([before.version, before.schedule.lastRunUtc]);
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await report(registry, 'a')).toMatchObject({ woken: false });
      expect(await planAll(registry)).toEqual([]);
    });

    test('F7: a wake chooses no more tenants than its capacity; the others are due', async () => {
      const { registry } = await idle('a', 'b', 'c', 'paused');
      await registry.setStatus('paused', 'paused');
      const { tenantIds, chosen, due } = await registry.wake(['nobody', 'paused', 'a', 'b', 'c'], {
        capacity: 2,
        redispatchMs: anHour,
      });
      expect(tenantIds.toSorted()).toEqual(['a', 'b', 'c']);
      expect([chosen.length, due.length]).toEqual([2, 1]);
      expect([...ids(chosen), ...due].sort()).toEqual(['a', 'b', 'c']);
      expect(await planAll(registry)).toEqual(due);
    });

    test('F7: a tenant that is due already can be chosen, too', async () => {
      const { registry } = await idle('a', 'b');
      await registry.wake(['a']);
      await report(registry, 'b', { nextDueInMs: 0 });
      for (const id of ['a', 'b']) expect(ids((await registry.wake([id], one)).chosen)).toEqual([id]);
      expect(await planAll(registry)).toEqual([]);
    });

    test.each(['failed', 'resuming'] as const)(
      'F5, F7: a wake does not choose a tenant whose last run is %s; the next plan does',
      async (outcome) => {
        const { registry } = await idle('a');
        await report(registry, 'a', { outcome });
        for (const choose of [one, one, undefined]) {
          // It is due, but does not ask for a plan before its time.
          const woken = await registry.wake(['a'], choose);
          expect(woken).toMatchObject({ tenantIds: ['a'], chosen: [], due: [], inFlight: [] });
        }
        expect(await planAll(registry)).toEqual(['a']);
        await report(registry, 'a', { outcome: 'idle' });
        expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
      },
    );

    test.each(['plan', 'wake'] as const)(
      'F7: a tenant that a %s has chosen is in flight: a wake does not choose it, and its report makes it due',
      async (by) => {
        const { registry } = await idle('a');
        if (by === 'wake') await registry.wake(['a'], one);
        else {
          await report(registry, 'a', { nextDueInMs: 0 });
          await planAll(registry);
        }
        for (const choose of [one, undefined, one]) {
          const woken = await registry.wake(['a'], choose);
          expect(woken).toMatchObject({ tenantIds: ['a'], chosen: [], due: [], inFlight: ['a'] });
          expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
        }
        expect(await report(registry, 'a')).toMatchObject({ woken: true });
        // The tenant is in flight no more, so that a wake can choose it.
        expect(ids((await duePlan(registry)).candidates)).toEqual(['a']);
        expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
      },
    );

    test('F3, F7: a tenant whose request was lost is due again after the redispatch time, and can be chosen', async () => {
      const { registry } = await idle('a', 'b');
      for (const id of ['a', 'b']) await registry.wake([id], { capacity: 1, redispatchMs: 50 });
      await registry.wake(['b']);
      const plan = await until('both are due again', async () => {
        const begun = await beginPlan(registry);
        return begun.status === 'due' && begun.due === 2 && begun;
      });
      expect(plan.candidates.map(({ tenant, woken }) => [tenant.id, woken]).sort()).toEqual([
        ['a', false],
        ['b', true],
      ]);
      expect(await commit(registry, plan, [])).toEqual([]);
      for (const id of ['a', 'b']) expect(ids((await registry.wake([id], one)).chosen)).toEqual([id]);
    });

    test('F3: a plan does not get a tenant that a wake has chosen since the plan read it', async () => {
      const { registry } = await idle('a', 'b');
      for (const id of ['a', 'b']) await report(registry, id, { nextDueInMs: 0 });
      const plan = await duePlan(registry);
      expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
      expect(await commit(registry, plan)).toEqual(['b']);
    });

    test('F7: of hosts that wake a tenant at the same time, one chooses it', async () => {
      const { stage, registry } = await idle('a');
      const hosts = [registry, ...[1, 2, 3].map(() => scene.anotherHost(stage).openRegistry())];
      const woken = await Promise.all(hosts.map((host) => host.wake(['a'], one)));
      expect(woken.flatMap(({ chosen }) => ids(chosen))).toEqual(['a']);
      expect(woken.map(({ tenantIds, due }) => [tenantIds, due])).toEqual(woken.map(() => [['a'], []]));
    });

    test('F3, F7: while its run postpones its plans, a tenant is in flight, also if nothing has chosen it', async () => {
      const { registry } = await idle('a', 'retired');
      await registry.setStatus('retired', 'retired');
      await registry.postpone('a', anHour);
      for (const id of ['nobody', 'retired']) await registry.postpone(id, anHour);
      expect(await registry.get('nobody')).toBeNull();
      expect(await registry.wake(['a'], one)).toMatchObject({ tenantIds: ['a'], chosen: [], due: [] });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await report(registry, 'a')).toMatchObject({ woken: true });
      expect(await planAll(registry)).toEqual(['a']);
      // A run that has died postpones nothing more.
      await registry.postpone('a', 30);
      await until('the tenant is due', async () => (await beginPlan(registry)).status === 'due');
    });

    test('D1, F7: a run that goes on after a wake makes its tenant due, so that another run serves the other queue', async () => {
      const { registry } = await idle('a');
      await registry.postpone('a', anHour);
      await registry.wake(['a'], one);
      await registry.postpone('a', anHour);
      expect(await planAll(registry)).toEqual(['a']);
      await registry.postpone('a', anHour);
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
    });

    test('D1, F7: a skipped run counts as a wake, because the other run may have claimed its last messages before', async () => {
      const { registry } = await idle('a');
      await registry.wake(['a'], one);
      expect(await report(registry, 'a', { outcome: 'skipped', mode: 'at-most' })).toMatchObject({
        woken: false,
      });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await report(registry, 'a')).toMatchObject({ woken: true });
      expect(await planAll(registry)).toEqual(['a']);
    });

    test('D1, F7: the report of a skipped run makes the tenant due now if the other run has reported before', async () => {
      const { registry } = await idle('a');
      await registry.wake(['a'], one);
      await report(registry, 'a');
      expect(await report(registry, 'a', { outcome: 'skipped', mode: 'at-most' })).toMatchObject({
        woken: true,
        chosen: false,
      });
      expect(await planAll(registry)).toEqual(['a']);
    });

    const continues = { redispatchMs: anHour };

    test.each([
      ['a backlog is left', { backlog: true }, false],
      ['a wake came', {}, true],
    ] as const)(
      'F5, F7: a report that continues chooses the tenant again if %s: neither a wake nor a plan does',
      async (_, fields, isWoken) => {
        const { registry } = await idle('a');
        await registry.wake(['a'], one);
        await clockPasses(registry.leases);
        if (isWoken) await registry.wake(['a']);
        const before = await tenantOf(registry, 'a');
        const answer = await report(registry, 'a', { ...fields, continues, nextDueInMs: 0 });
        const { schedule } = await tenantOf(registry, 'a');
        expect(answer).toEqual({ woken: false, chosen: true, lastRunUtc: schedule.lastRunUtc, moved: false });
        expect(schedule.lastPlannedUtc!.getTime()).toBeGreaterThan(before.schedule.lastPlannedUtc!.getTime());
        expect(schedule.nextDueUtc!.getTime() - schedule.lastPlannedUtc!.getTime()).toBe(anHour);
        expect(await registry.wake(['a'], one)).toMatchObject({ tenantIds: ['a'], chosen: [], due: [] });
        expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
        // That wake came after the choice, so the next run's report tells of it.
        expect(await report(registry, 'a')).toMatchObject({ woken: true, chosen: false });
        expect(await planAll(registry)).toEqual(['a']);
      },
    );

    test('F5, F7: a report that continues chooses nothing if nothing is left to do, or the tenant is paused', async () => {
      const { registry } = await idle('a', 'b');
      for (const id of ['a', 'b']) await registry.wake([id], one);
      expect(await report(registry, 'a', { continues })).toMatchObject({ woken: false, chosen: false });
      expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
      await registry.setStatus('b', 'paused');
      const left = await report(registry, 'b', { continues, backlog: true, nextDueInMs: 0 });
      expect(left).toMatchObject({ woken: false, chosen: false });
      await registry.setStatus('b', 'active');
      expect(await planAll(registry)).toEqual(['b']);
      expect(await report(registry, 'nobody', { continues, backlog: true })).toEqual({
        woken: false,
        chosen: false,
        lastRunUtc: null,
        moved: false,
      });
    });

    test('F3: a plan does not get a tenant that a report has chosen since the plan read it', async () => {
      const { registry } = await idle('a', 'b');
      for (const id of ['a', 'b']) await report(registry, id, { nextDueInMs: 0 });
      const plan = await duePlan(registry);
      await report(registry, 'a', { continues, backlog: true });
      expect(await commit(registry, plan)).toEqual(['b']);
    });

    test('D1, F7: the report of a skipped run that continues chooses the tenant, unless a run is in flight', async () => {
      const { registry } = await idle('a');
      const skipped = { outcome: 'skipped', mode: 'at-most', continues } as const;
      await registry.wake(['a'], one);
      expect(await report(registry, 'a', skipped)).toMatchObject({ woken: false, chosen: false });
      expect(await report(registry, 'a')).toMatchObject({ woken: true });
      const { schedule } = await tenantOf(registry, 'a');
      expect(await report(registry, 'a', skipped)).toEqual({
        woken: false,
        chosen: true,
        lastRunUtc: schedule.lastRunUtc,
        moved: false,
      });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await report(registry, 'a')).toMatchObject({ woken: false });
    });

    test('F5, F7: a skipped run of a tenant whose last run failed makes it due, and brings no plan forward', async () => {
      const { registry } = await idle('a');
      await report(registry, 'a', { outcome: 'failed' });
      const answer = await report(registry, 'a', { outcome: 'skipped', mode: 'at-most', continues });
      expect(answer).toMatchObject({ woken: false, chosen: false });
      expect(await planAll(registry)).toEqual(['a']);
    });

    test('F7: the next plan uses a wake up', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      await registry.wake(['a']);
      expect(await planAll(registry)).toEqual(['a']);
      expect(await planAll(registry)).toEqual([]);
      await report(registry, 'a', { nextDueInMs: anHour });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      await report(registry, 'a', { nextDueInMs: 0 });
      expect((await duePlan(registry)).candidates).toMatchObject([{ woken: false }]);
    });

    test('F7: a tenant that is woken again says so, and stays due for the runs after the next plan', async () => {
      const { registry } = await idle('a', 'b', 'c');
      expect(await registry.wake(['a'])).toMatchObject({ due: ['a'] });
      const { schedule } = await tenantOf(registry, 'a');
      expect(await registry.wake(['c', 'a', 'a', 'nobody'])).toMatchObject({ due: ['c', 'a'] });
      expect((await tenantOf(registry, 'a')).schedule).toEqual(schedule);
      expect(await registry.wake(['a', 'c'])).toMatchObject({ tenantIds: ['a', 'c'], due: ['a', 'c'] });
      await registry.setStatus('c', 'paused');
      expect(await registry.wake(['a', 'c'])).toMatchObject({ tenantIds: ['a'], due: ['a'] });
      // The wake after a plan outlives the report of that plan's run.
      expect(await planAll(registry)).toEqual(['a']);
      await registry.wake(['a']);
      await report(registry, 'a', { nextDueInMs: anHour });
      expect(await planAll(registry)).toEqual(['a']);
    });

    test('F7: hosts can ask cheaply whether woken tenants are due', async () => {
      const { registry } = await idle('a', 'b', 'failed', 'paused');
      await report(registry, 'b', { nextDueInMs: 0 });
      await report(registry, 'failed', { outcome: 'failed' });
      await registry.wake(['failed', 'paused']);
      await registry.setStatus('paused', 'paused');
      expect(await registry.hasWoken()).toBe(false);
      await registry.wake(['a']);
      expect(await registry.hasWoken()).toBe(true);
      expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
      expect(await registry.hasWoken()).toBe(false);
      await registry.wake(['a']);
      expect(await registry.hasWoken()).toBe(false);
      await report(registry, 'a');
      expect(await registry.hasWoken()).toBe(true);
    });

    test('F7: a wake does not put a tenant that is already due at the end', async () => {
      const { registry } = await scene.registry();
      await addInTurn(registry, 'a', 'b');
      await registry.wake(['a']);
      expect(ids((await duePlan(registry)).candidates)).toEqual(['a', 'b']);
    });
  });
}
