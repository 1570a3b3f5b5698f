/** D5, Q5: the host is asked to stop while handlers are running, and killed if it does not end at once. */
import { resolve } from 'node:path';
import type { KillHarness } from './harness.ts';
import type { Program } from './program.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';
import { inFlightOfRun } from './settings.ts';

/** A host that has handlers at work. */
async function hostAtWork(scene: Scene): Promise<Program> {
  await scene.sendWave();
  const host = scene.startHost();
  const before = scene.effects.arrivals.length;
  await scene.whileAlive([host], 'the host is at work', () => scene.effects.arrivals.length > before + 5);
  return host;
}

/** Interrupted handlers may have had their effect, and the test cannot know how many. */
function mayBeRepeated(scene: Scene): void {
  scene.casualties.possible += inFlightOfRun * scene.fleet.tenantIds.length;
}

/** Handlers take longer than a stop, so that every stop interrupts some. */
const slow: SceneOptions = {
  latencyMs: [300, 400],
  environment: {
    MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: '1',
    // A lease lost on a slow machine would count attempts, and this test has none to spare.
    MULTI_OUTBOX_LEASE: '20s',
  },
};

export function stopSuite(harness: KillHarness): void {
  test(
    'D5: a host that is asked to stop and killed before it has ended loses nothing',
    () =>
      Scene.play(harness, { latencyMs: [0, 120] }, async (scene) => {
        for (let round = 0; round < rounds; round++) {
          const host = await hostAtWork(scene);
          host.signal('SIGTERM');
          await scene.moment(25);
          const killedAt = performance.now();
          const exit = await host.kill();
          mayBeRepeated(scene);
          if (exit.signal === 'SIGKILL') await scene.countKilled(host, killedAt);
          else expect(exit).toEqual({ code: 0, signal: null });
        }
        return scene.finish();
      }),
    timeoutMs(rounds),
  );

  test.each([
    { what: 'heed their signal', topic: 'webhook.post', args: [] },
    { what: 'ignore it', topic: 'deaf', args: ['--handlers', resolve('test/chaos/fixtures/handlers.mjs')] },
  ])(
    'Q5, D5: stops take no attempt from messages whose handlers $what: stopped ever again, they are all dispatched',
    ({ topic, args }) =>
      Scene.play(harness, { ...slow, args, workload: { size: 8, refused: 0, topic } }, async (scene) => {
        for (let round = 0; round < rounds; round++) {
          const host = await hostAtWork(scene);
          await scene.stop([host]);
          mayBeRepeated(scene);
        }
        return scene.finish();
      }),
    timeoutMs(rounds),
  );
}
