/** F3: a planner that dies between taking the plan lease and committing, or right after it committed. */
import type { TickReport } from '../../src/index.ts';
import type { KillHarness } from './harness.ts';
import { rounds, Scene, timeoutMs } from './scene.ts';
import { until } from './until.ts';

/** No queue lease is held at these kills, so that no host has to wait for one. */
const planners = { patient: true } as const;

/** One tick in a process of its own. */
export async function tick(scene: Scene): Promise<TickReport> {
  const program = scene.startProgram(['tick', '--json']);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  scene.casualties.interruptions(program);
  const [report] = program.output<TickReport>();
  return report!;
}

/** Ticks until a plan is made that serves every tenant waiting; returns all plans on the way. */
async function tickUntilPlanned(scene: Scene): Promise<TickReport['plan'][]> {
  const plans: TickReport['plan'][] = [];
  await until('the next plan is made', async () => {
    const { plan } = await tick(scene);
    plans.push(plan);
    return plan.status === 'planned';
  });
  return plans;
}

export function planSuite(harness: KillHarness): void {
  test(
    'F3: a plan killed before its commit delays other plans no longer than its lease; the next plan reports it and serves its tenants',
    () =>
      Scene.play(harness, planners, async (scene) => {
        const leases = scene.fleet.multiOutbox.leases();
        for (let round = 0; round < rounds; round++) {
          await scene.sendWave();
          const planner = scene.startProgram(['tick'], { point: 'plan:begun', count: 1 });
          await scene.countKilled(planner);
          const lease = (await leases.list()).find(({ name }) => name === 'plan');
          expect(lease?.owner).toContain(`:${planner.pid}:`);
          const plans = await tickUntilPlanned(scene);
          expect(plans.slice(0, -1).every(({ status }) => status === 'leased-elsewhere')).toBe(true);
          const { unfinished, requests } = plans.at(-1)!;
          expect(unfinished).toBe(true);
          expect(requests.map(({ tenantId }) => tenantId).sort()).toEqual(scene.fleet.tenantIds);
        }
        return scene.finish();
      }),
    timeoutMs(rounds),
  );

  test(
    'F3: requests that died with their planner are made again after the redispatch time',
    () =>
      Scene.play(harness, planners, async (scene) => {
        for (let round = 0; round < rounds; round++) {
          await scene.sendWave();
          const planner = scene.startProgram(['tick'], { point: 'plan:committed', count: 1 });
          await scene.countKilled(planner);
          const served = new Set<string>();
          await until('every tenant is served', async () => {
            const { plan, runs } = await tick(scene);
            expect(plan.unfinished).toBe(false);
            for (const { tenantId, counts } of runs) if (counts.done > 0) served.add(tenantId);
            return served.size === scene.fleet.tenantIds.length;
          });
        }
        return scene.finish();
      }),
    timeoutMs(rounds),
  );
}
