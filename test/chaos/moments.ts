/** D1, Q5 to Q8: the host is killed at random moments, and while handlers are running. */
import type { KillHarness } from './harness.ts';
import { rounds, Scene, timeoutMs } from './scene.ts';

const manyKills = rounds * 4;

export function momentSuite(harness: KillHarness): void {
  test(
    'Q6, Q8: killed at any moment, from its start on: nothing is lost, nothing comes twice that was not in flight',
    () =>
      Scene.play(harness, {}, async (scene) => {
        for (let round = 0; round < manyKills; round++) {
          if (scene.outstanding < 40) await scene.sendWave();
          const host = scene.startHost();
          await scene.moment(700);
          await scene.kill(host);
        }
        return scene.finish();
      }),
    timeoutMs(manyKills),
  );

  test(
    'Q5, Q6: killed while several handlers have had their effect and wait for the answer',
    () =>
      Scene.play(harness, { latencyMs: [20, 60] }, async (scene) => {
        for (let round = 0; round < rounds; round++) {
          const host = scene.startHost();
          const several = scene.random.between(2, 10);
          scene.effects.onArrival = (_arrival, pending) => {
            if (pending >= several) host.signal('SIGKILL');
          };
          await scene.feedUntilKilled(host);
        }
        scene.effects.onArrival = () => {};
        return scene.finish();
      }),
    timeoutMs(rounds),
  );

  test(
    'Q5, Q6: killed as a handler gets its answer, before anything of it is written',
    () =>
      Scene.play(harness, {}, async (scene) => {
        for (let round = 0; round < rounds; round++) {
          const host = scene.startHost();
          let left = scene.random.between(1, 40);
          scene.effects.onAnswer = () => {
            left--;
            if (left === 0) host.signal('SIGKILL');
          };
          await scene.feedUntilKilled(host);
        }
        scene.effects.onAnswer = () => {};
        return scene.finish();
      }),
    timeoutMs(rounds),
  );
}
