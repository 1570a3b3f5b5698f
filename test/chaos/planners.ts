/** F3: three planners share the tenants, and one of them is killed. */
import { rangeOf } from '../../src/engine/plan-range.ts';
import type { TickReport } from '../../src/index.ts';
import type { KillHarness } from './harness.ts';
import { tick } from './plans.ts';
import type { Program } from './program.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';
import { until } from './until.ts';

const of = 3;
/** So many that every range has some. */
const options: SceneOptions = { tenants: 9, environment: { MULTI_OUTBOX_PLANNERS: String(of) } };

/** The lease outlasts the start of a process. */
const slow: SceneOptions = {
  ...options,
  environment: { ...options.environment, MULTI_OUTBOX_LEASE: '4s' },
};

export function plannersSuite(harness: KillHarness): void {
  test(
    'F3: of three hosts that share the tenants one is killed again and again: every tenant is planned, and nothing comes twice that was not in flight',
    () =>
      Scene.play(harness, options, async (scene) => {
        const hosts: Program[] = [scene.startHost(), scene.startHost(), scene.startHost()];
        for (let round = 0; round < rounds; round++) {
          if (scene.outstanding < 60) await scene.sendWave();
          await scene.moment(500);
          const victim = scene.random.between(0, hosts.length - 1);
          await scene.kill(hosts[victim]!);
          hosts[victim] = scene.startHost();
        }
        const figures = await scene.finish(hosts);
        const names = (await scene.fleet.multiOutbox.leases().list()).map(({ name }) => name);
        expect(names).toEqual(expect.arrayContaining(['plan:1/3', 'plan:2/3', 'plan:3/3']));
        expect(names).not.toContain('plan');
        return figures;
      }),
    timeoutMs(8 * rounds),
  );

  test(
    'F3: a planner killed with the lease of a range delays only its range; another planner takes the range after the lease',
    () =>
      Scene.play(harness, slow, async (scene) => {
        const leases = scene.fleet.multiOutbox.leases();
        for (let round = 0; round < rounds; round++) {
          await scene.sendWave();
          const planner = scene.startProgram(['tick'], { point: 'plan:begun', count: 1 });
          await scene.countKilled(planner);
          const lease = (await leases.list()).find(({ owner }) => owner?.includes(`:${planner.pid}:`));
          const range = Number(/^plan:(\d)\/3$/.exec(lease?.name ?? '')?.[1]);
          const mine = scene.fleet.tenantIds.filter((id) => rangeOf(id, of) === range);
          expect(mine.length).toBeGreaterThan(0);
          const others = scene.fleet.tenantIds.filter((id) => !mine.includes(id));

          const requested = ({ requests }: TickReport['plan']) =>
            requests.map(({ tenantId }) => tenantId).sort();
          const due = await dueIn(scene);
          const { plan } = await tick(scene);
          expect(requested(plan)).toEqual(expect.arrayContaining(others.filter((id) => due.includes(id))));
          // On a busy machine the process may start later than the lease ends.
          const isHeld = (await leases.list()).some(
            ({ name, owner }) => name === lease!.name && owner === lease!.owner,
          );
          if (!isHeld) continue;
          expect(requested(plan).filter((id) => mine.includes(id))).toEqual([]);
          expect(plan.unfinished).toBe(false);
          await until('the range is planned', async () => {
            const waiting = (await dueIn(scene)).filter((id) => mine.includes(id));
            const next = (await tick(scene)).plan;
            const found = mine.filter((id) => requested(next).includes(id));
            if (found.length === 0) return false;
            expect(found).toEqual(expect.arrayContaining(waiting));
            expect(next.unfinished).toBe(true);
            return true;
          });
        }
        return scene.finish();
      }),
    timeoutMs(8 * rounds),
  );
}

/** The tenants that are due by the registry. */
async function dueIn(scene: Scene): Promise<string[]> {
  const now = Date.now();
  const tenants = await scene.fleet.multiOutbox.tenants.list();
  return tenants.flatMap(({ id, schedule: { nextDueUtc } }) =>
    nextDueUtc !== null && nextDueUtc.getTime() <= now ? [id] : [],
  );
}
