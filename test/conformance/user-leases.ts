/** L4, L5: leases as users hold them, in a tenant database and in the registry. */
import type { LeaseStore } from '../../src/engine/lease-store.ts';
import { createLeases, type Leases } from '../../src/lease/leases.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

function leasesOf(store: LeaseStore, owner: string): Leases {
  return createLeases({
    use: (action) => action(store),
    tenantId: undefined,
    owner,
    closed: new AbortController().signal,
    logger: silentLogger,
  });
}

export function userLeasesSuite(scene: Scene): void {
  const stores = {
    'a tenant’s database': async () => (await scene.tenant()).database.leases,
    'the registry': async () => (await scene.registry()).registry.leases,
  };

  describe.each(Object.entries(stores))('leases for users: %s', (_, open) => {
    test('L4, L5: held beyond its duration, refused to others, released, taken with the next fence', async () => {
      const store = await open();
      const [one, other] = [leasesOf(store, 'one'), leasesOf(store, 'other')];
      const lease = (await one.acquire('report', { durationMs: 3_000 }))!;
      const first = lease.expiresAt.getTime();
      await until('it was renewed', async () => lease.expiresAt.getTime() >= first + 3_000);
      expect(await other.withLease('report', {}, () => 'never')).toMatchObject({
        status: 'leased-elsewhere',
        owner: lease.owner,
      });
      expect(await lease.release()).toBe(true);
      const next = await other.withLease('report', {}, ({ fence }) => fence);
      expect(next).toEqual({ status: 'done', result: lease.fence + 1 });
    });

    test('L5: an operator frees a lease: its holder loses it, the next holder does not', async () => {
      const store = await open();
      const [one, other] = [leasesOf(store, 'one'), leasesOf(store, 'other')];
      const lease = (await one.acquire('report', { durationMs: 600 }))!;
      expect(await other.release('report')).toMatchObject({ owner: lease.owner, fence: lease.fence });
      expect(await other.release('report')).toBeNull();
      const next = (await other.acquire('report'))!;
      await until('its signal fires', async () => lease.signal.aborted);
      expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST' });
      await next.renew();
      expect(await next.release()).toBe(true);
    });
  });
}
