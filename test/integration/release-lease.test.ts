/** S3, F7: an operator releases the lease of a run that hangs. */
import { defineHandler } from '../../src/queue/handler.ts';
import { deferred } from '../support/deferred.ts';
import { FleetPlace } from '../support/fleet-place.ts';

const place = new FleetPlace();

test('S3, F7: a run’s lease that an operator releases makes the tenant due now, not after the redispatch time', async () => {
  const started = deferred();
  const hangs = deferred();
  let attempts = 0;
  const handler = defineHandler({
    topic: 'orders',
    async handle() {
      attempts += 1;
      if (attempts > 1) return;
      started.resolve();
      await hangs.promise;
    },
  });
  const host = await place.fleet(['acme'], { handlers: [handler] });
  await host.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  const running = host.tick();
  await started.promise;
  const operator = place.face({ handlers: [handler] });
  // A wake says that a run is in flight, and when the tenant is due if it does not report.
  const woken = await operator.tenants.wake('acme');
  expect(woken.inFlight).toBe(true);
  expect(woken.schedule.nextDueUtc!.getTime()).toBeGreaterThan(Date.now());
  expect((await operator.tick()).runs).toEqual([]);
  expect(await operator.leases('acme').release('queue:outbox')).toMatchObject({ name: 'queue:outbox' });
  expect((await operator.tenants.get('acme')).schedule.nextDueUtc!.getTime()).toBeLessThanOrEqual(Date.now());
  expect((await operator.tick()).runs).toMatchObject([{ outcome: 'dispatched', counts: { done: 1 } }]);
  hangs.resolve();
  expect((await running).runs).toMatchObject([{ counts: { done: 0, lost: 1 } }]);
});

test('S3: the release of another lease leaves the tenant as it is', async () => {
  const face = await place.fleet(['acme'], { handlers: [defineHandler({ topic: 'orders', handle() {} })] });
  await face.tick();
  const before = (await face.tenants.get('acme')).schedule.nextDueUtc;
  await face.leases('acme').acquire('report', { durationMs: 3_600_000 });
  expect(await face.leases('acme').release('report')).not.toBeNull();
  expect((await face.tenants.get('acme')).schedule.nextDueUtc).toEqual(before);
});
