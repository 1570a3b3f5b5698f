/** F6, F7: a producer is killed between its commit in the tenant's database and its wake in the registry. */
import type { PointName } from '../../src/telemetry/points.ts';
import type { KillHarness } from './harness.ts';
import { rounds, Scene, timeoutMs } from './scene.ts';
import { until } from './until.ts';

/** Only wakes and the bound make a tenant due. */
const environment = { MULTI_OUTBOX_IDLE_CEILING: 'never', MULTI_OUTBOX_LOOK_WITHIN: '1s' };

const moments: readonly (PointName | 'any moment')[] = ['wake:before', 'wake:after', 'any moment'];

export function producerSuite(harness: KillHarness): void {
  test.each(moments)(
    'F6, F7: producers are killed at %s: every committed message is dispatched within the bound',
    (moment) =>
      // Every round has a tenant of its own, whose last message no later wake finds by chance.
      Scene.play(harness, { tenants: rounds, environment }, async (scene) => {
        const { fleet } = scene;
        const host = scene.startHost();
        for (const tenantId of fleet.tenantIds) {
          const sentAt = performance.now();
          const killAt =
            moment === 'any moment' ? undefined : { point: moment, count: scene.random.between(1, 5) };
          const job = { registry: fleet.stage.registry, tenantId, url: scene.effects.url };
          const producer = scene.startFixture('producer.mjs', job, killAt);
          if (moment === 'any moment') {
            // Its second line says that the first message is stored.
            await until('it has enqueued', () => producer.output().length > 1);
            await scene.moment(200);
            producer.signal('SIGKILL');
          }
          expect(await producer.exited).toEqual({ code: null, signal: 'SIGKILL' });
          scene.casualties.kills++;
          await fleet.stage.gone?.(producer.pid);
          for (const { messageId } of producer.output<{ messageId: string }>()) {
            // The last one may not have been stored.
            if ((await fleet.multiOutbox.outbox(tenantId).get(messageId)) === null) continue;
            fleet.sent.set(messageId, { tenantId, messageId, orderingKey: null, delayMs: 0, sentAt });
          }
        }
        return scene.finish([host]);
      }),
    timeoutMs(rounds * 2),
  );
}
