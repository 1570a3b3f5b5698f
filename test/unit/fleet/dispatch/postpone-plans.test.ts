import type { Registry } from '../../../../src/engine/registry.ts';
import { postponePlans } from '../../../../src/fleet/dispatch/postpone-plans.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { deferred, turns } from '../../../support/deferred.ts';
import { fakeTimers } from '../../../support/fake-timers.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const advance = fakeTimers();
const place = new SqlitePlace();
const leaseMs = 30_000;

/** A registry in which a plan has just chosen acme; acme is due again in an hour. */
async function planned() {
  let now = Date.UTC(2026, 0, 1);
  const registry = await place.registry(place.engine({ clock: () => now }));
  await registry.add(tenantDefinition({ id: 'acme' }), 'key');
  const plan = async () => {
    const begun = await registry.beginPlan({ owner: 'planner', leaseMs: 10_000, limit: 10 });
    if (begun.status !== 'due') return [];
    const choices = begun.candidates.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion }));
    return registry.commitPlan({ lease: begun.lease, choices, redispatchMs: 3_600_000 });
  };
  expect(await plan()).toEqual(['acme']);
  const logger = recordingLogger();
  return {
    registry,
    plan,
    logger,
    /** The timers and the registry's clock. */
    async pass(ms: number) {
      now += ms;
      await advance(ms);
    },
    options: { registry, tenantId: 'acme', leaseMs, logger },
  };
}

describe('a run postpones the next plan of its tenant (F3)', () => {
  test('F3: the tenant is not planned while the run lives, and is planned one lease after it has died', async () => {
    const { pass, plan, options } = await planned();
    const end = postponePlans(options);
    await pass(500);
    for (let step = 0; step < 12; step++) {
      await pass(leaseMs / 3);
      expect(await plan()).toEqual([]);
    }
    // When its host dies, no timer fires any more.
    await end();
    await pass(leaseMs);
    expect(await plan()).toEqual(['acme']);
  });

  test('a short run makes no call', async () => {
    const { pass, plan, options, registry } = await planned();
    const before = (await registry.get('acme'))!.schedule.nextDueUtc;
    const end = postponePlans(options);
    await pass(499);
    await end();
    await pass(10 * leaseMs);
    expect((await registry.get('acme'))!.schedule.nextDueUtc).toEqual(before);
    expect(await plan()).toEqual([]);
  });

  test('F7: a wake during the run makes the tenant due while the run goes on', async () => {
    const { pass, plan, options, registry } = await planned();
    const end = postponePlans(options);
    await pass(500);
    await registry.wake(['acme']);
    await pass(leaseMs / 3);
    expect(await plan()).toEqual(['acme']);
    await pass(leaseMs / 3);
    expect(await plan()).toEqual([]);
    await end();
  });

  test('a call that fails is repeated at the next time', async () => {
    const { pass, options, registry, logger } = await planned();
    await registry.close();
    const end = postponePlans(options);
    await pass(500);
    await pass(leaseMs / 3);
    await end();
    expect(logger.lines.map(({ level }) => level)).toEqual(['debug', 'debug']);
  });

  test.each([
    [30_000, [500, 10_500, 20_500]],
    [900, [300, 600, 900]],
  ])('a lease of %p ms: the times of the calls', async (leaseMs, times) => {
    const called: number[] = [];
    const start = performance.now();
    const registry = {
      async postpone(tenantId: string, ms: number, tenantVersion?: number) {
        expect([tenantId, ms, tenantVersion]).toEqual(['acme', leaseMs, 4]);
        called.push(performance.now() - start);
      },
    } as Partial<Registry> as Registry;
    const end = postponePlans({
      registry,
      tenantId: 'acme',
      tenantVersion: 4,
      leaseMs,
      logger: recordingLogger(),
    });
    await advance(times.at(-1)!);
    await end();
    expect(called).toEqual(times);
  });

  test('F3: the end waits for the call that is under way, and none follows', async () => {
    const gate = deferred();
    const registry = { postpone: () => gate.promise } as Partial<Registry> as Registry;
    const end = postponePlans({ registry, tenantId: 'acme', leaseMs, logger: recordingLogger() });
    await advance(500);
    let isEnded = false;
    const ending = end().then(() => {
      isEnded = true;
    });
    await turns();
    expect(isEnded).toBe(false);
    gate.resolve();
    await ending;
    expect(jest.getTimerCount()).toBe(0);
  });
});
