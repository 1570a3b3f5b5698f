/** D1, Q5 to Q8, F3: the host is killed at each named point of a plan and a dispatch run. */
import type { PointName } from '../../src/telemetry/points.ts';
import type { KillHarness } from './harness.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';

/** Handlers that outlast a third of the lease, so that the heartbeat renews it. */
const slow: SceneOptions = { latencyMs: [250, 450], workload: { size: 6 } };

const points: readonly { point: PointName; upTo: number; options?: SceneOptions }[] = [
  { point: 'plan:begun', upTo: 8 },
  { point: 'plan:committed', upTo: 4 },
  { point: 'run:claimed', upTo: 12 },
  { point: 'handler:start', upTo: 60 },
  { point: 'settle:before', upTo: 12 },
  { point: 'settle:after', upTo: 12 },
  { point: 'renew:before', upTo: 8, options: slow },
  { point: 'renew:after', upTo: 8, options: slow },
];

export function pointSuite(harness: KillHarness): void {
  test.each(points)(
    'Q6, Q8: killed at $point: nothing is lost, and nothing comes twice that was not in flight',
    ({ point, upTo, options = {} }) =>
      Scene.play(harness, options, async (scene) => {
        await scene.sendWave();
        for (let round = 0; round < rounds; round++) {
          const count = scene.random.between(1, upTo);
          await scene.feedUntilKilled(scene.startHost({ point, count }));
        }
        return scene.finish();
      }),
    timeoutMs(rounds),
  );
}
