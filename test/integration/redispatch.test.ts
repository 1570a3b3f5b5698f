/** F3: the time at which a tenant is planned again after its dispatch request or its run was lost. */
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();

test.each([
  [{ dispatch: { leaseMs: 40_000, graceMs: 7_000 } }, 47_000],
  [{ dispatch: { leaseMs: 40_000, graceMs: 7_000 }, plan: { redispatchMs: 90_000 } }, 90_000],
  [{ plan: { redispatchMs: 90_000 }, schedule: { lookWithinMs: 60_000 } }, 60_000],
])(
  'F3, F6: a planned tenant is due again after the lease and the grace of its run, or after the redispatch time set, at the latest at its next look (%j)',
  async (settings, redispatchMs) => {
    const host = await place.fleet(['a'], { ...settings, handlers: noting().handlers });
    const before = Date.now();
    expect((await host.plan()).requests).toMatchObject([{ tenantId: 'a' }]);
    const after = Date.now();
    const { nextDueUtc } = (await host.tenants.get('a'))!.schedule;
    expect(nextDueUtc!.getTime()).toBeGreaterThanOrEqual(before + redispatchMs);
    expect(nextDueUtc!.getTime()).toBeLessThanOrEqual(after + redispatchMs);
  },
);
