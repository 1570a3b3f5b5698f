/** D1, L2, F3: many hosts at once on one fleet, without kills. The effects show whether leases overlapped. */
import { resolve } from 'node:path';
import type { Arrival } from './effects.ts';
import type { KillHarness } from './harness.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';

const hosts = 8;
/** Each host keeps a connection to each tenant: on a server they are sessions, which cost it memory. */
const tenants = 10;
/** Messages for each tenant in a round. 10 rounds are 20,000 messages. */
const messages = 200;

const options: SceneOptions = {
  tenants,
  workload: { size: messages, topic: 'post', refused: 0 },
  latencyMs: [0, 5],
  args: ['--handlers', resolve('test/chaos/fixtures/handlers.mjs')],
  // The lease is so long that none runs out, even with more hosts than processors.
  environment: { MULTI_OUTBOX_LEASE: '30s' },
};

/** Each fence belongs to one host, and no work of an older fence runs once a newer one does. */
function expectExclusive(arrivals: readonly Arrival[]): void {
  const byTenant = Map.groupBy(arrivals, ({ tenantId }) => tenantId);
  for (const ofTenant of byTenant.values()) {
    const fences = Map.groupBy(ofTenant, ({ fence }) => fence!);
    let endedAt = 0;
    for (const fence of [...fences.keys()].sort((a, b) => a - b)) {
      const own = fences.get(fence)!;
      expect(new Set(own.map(({ host }) => host)).size).toBe(1);
      expect(Math.min(...own.map(({ at }) => at))).toBeGreaterThanOrEqual(endedAt);
      endedAt = Math.max(...own.map((arrival) => arrival.endedAt));
    }
  }
}

export function manyHostsSuite(harness: KillHarness): void {
  test(
    `D1, L2, F3: ${hosts} hosts at once on ${tenants} tenants: every lease is one host's, and every message comes once`,
    () =>
      Scene.play(harness, options, async (scene) => {
        const programs = Array.from({ length: hosts }, () => scene.startHost());
        await scene.whileAlive(programs, 'all are up', () => programs.every(({ isUp }) => isUp));
        for (let round = 0; round < rounds; round++) await scene.sendWave();
        const figures = await scene.finish(programs);
        expect(figures.messages).toBe(rounds * tenants * messages);
        expect(figures.duplicates).toBe(0);
        const { arrivals } = scene.effects;
        expect(new Set(arrivals.map(({ host }) => host)).size).toBeGreaterThan(1);
        expectExclusive(arrivals);
        return figures;
      }),
    timeoutMs(4 * rounds * tenants),
  );
}
