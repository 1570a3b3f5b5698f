/** D1, L2, L3: two hosts on the same databases, one of which is repeatedly killed or stopped (SIGSTOP). */
import { resolve } from 'node:path';
import { isMultiOutboxError } from '../../src/index.ts';
import type { KillHarness } from './harness.ts';
import type { Program } from './program.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';
import { until } from './until.ts';

const manyKills = rounds * 3;

/** One handler at a time, so that every started message has arrived. */
const oneByOne: SceneOptions = {
  tenants: 1,
  workload: { size: 24, topic: 'post' },
  args: ['--handlers', resolve('test/chaos/fixtures/handlers.mjs')],
  environment: { MULTI_OUTBOX_CONCURRENCY: '1' },
};

/** Lets the host stand still (SIGSTOP) as soon as a handler of it has had its effect and waits for the answer. */
async function freezeAtWork(scene: Scene, host: Program): Promise<void> {
  for (;;) {
    let isFrozen = false;
    let left = scene.random.between(1, 12);
    scene.effects.onArrival = () => {
      left--;
      if (left > 0 || isFrozen) return;
      host.signal('SIGSTOP');
      isFrozen = true;
    };
    await scene.whileAlive([host], 'the host stands still', () => isFrozen);
    scene.effects.onArrival = () => {};
    if (await canBeWritten(scene)) return;
    host.signal('SIGCONT');
    await scene.sendWave();
  }
}

/** False when the stopped host has a transaction open, which blocks the others. */
async function canBeWritten({ fleet }: Scene): Promise<boolean> {
  const [tenantId] = fleet.tenantIds as [string];
  try {
    await fleet.multiOutbox.wake(tenantId);
    await fleet.send(tenantId, [{ topic: 'post', payload: { body: { refusals: 0 } } }]);
    return true;
  } catch (error) {
    if (isMultiOutboxError(error) && error.transient) return false;
    throw error;
  }
}

export function twoHostsSuite(harness: KillHarness): void {
  test(
    'D1, Q6: of two hosts one is killed again and again: the other takes its work up, and nothing comes twice that was not in flight',
    () =>
      Scene.play(harness, { tenants: 4 }, async (scene) => {
        const hosts: Program[] = [scene.startHost(), scene.startHost()];
        for (let round = 0; round < manyKills; round++) {
          if (scene.outstanding < 40) await scene.sendWave();
          await scene.moment(500);
          const victim = scene.random.between(0, 1);
          await scene.kill(hosts[victim]!);
          hosts[victim] = scene.startHost();
        }
        return scene.finish(hosts);
      }),
    timeoutMs(manyKills),
  );

  test(
    'L4, Q8: a host that stood still for longer than its lease starts nothing more of it and undoes nothing that another host did since',
    () =>
      Scene.play(harness, oneByOne, async (scene) => {
        const { fleet, effects, casualties } = scene;
        const [tenantId] = fleet.tenantIds as [string];
        let frozen = scene.startHost();
        for (let round = 0; round < rounds; round++) {
          await scene.sendWave();
          await freezeAtWork(scene, frozen);
          const { lease, statistics } = await fleet.queue(tenantId);
          const before = lease!;
          expect(before.owner).toContain(`:${frozen.pid}:`);
          const other = scene.startHost();
          const hasTakenOver = async () => (await fleet.queue(tenantId)).lease!.fence > before.fence;
          await until('the other host has taken over', hasTakenOver);
          const arrived = effects.arrivals.length;
          frozen.signal('SIGCONT');
          casualties.possible += statistics.claimed;
          await scene.whileAlive([frozen, other], 'it is all dispatched', () => scene.outstanding === 0);
          const late = effects.arrivals.slice(arrived);
          expect(late.filter(({ fence }) => fence! <= before.fence)).toEqual([]);
          await scene.stop([frozen]);
          frozen = other;
        }
        return scene.finish([frozen]);
      }),
    timeoutMs(rounds),
  );
}
