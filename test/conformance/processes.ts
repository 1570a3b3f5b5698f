/** Q3-Q6, L2, F3 with several processes at once on one storage. */

import type { Claimed } from './contender.ts';
import { contend } from './contenders.ts';
import { add } from './registry-entry.ts';
import { message } from './run.ts';
import type { Scene } from './scene.ts';
import { whileGoingOn } from './until.ts';

const timeoutMs = 60_000;

/** Checks that each claim of a message has a newer fence and a higher attempt than the one before. */
function expectFencedStarts(claims: readonly Claimed[]): void {
  const byMessage = new Map<string, Claimed[]>();
  for (const claim of claims) {
    byMessage.set(claim.messageId, [...(byMessage.get(claim.messageId) ?? []), claim]);
  }
  for (const starts of byMessage.values()) {
    starts.sort((a, b) => a.fence - b.fence);
    expect(new Set(starts.map(({ fence }) => fence)).size).toBe(starts.length);
    expect(starts.map(({ attempt }) => attempt)).toEqual(starts.map((_, index) => index + 1));
  }
}

export function processesSuite(scene: Scene): void {
  describe('several processes at once', () => {
    test(
      'Q3-Q6: producers, runs and crashed runs: every message is done once, every start is fenced',
      async () => {
        const { address, queue, database } = await scene.queue('outbox');
        const first = Array.from({ length: 60 }, (_, index) => message(`${index}`));
        await queue.enqueue(first);
        const total = first.length + 2 * 20 * 6;
        const drainer = (owner: string) =>
          ({
            kind: 'drain',
            address,
            queue: 'outbox',
            owner,
            leaseMs: 300,
            limit: 8,
            total,
            abandonEvery: 5,
            abandonAtMost: 2,
          }) as const;
        const producer = (name: string) =>
          ({ kind: 'produce', address, queue: 'outbox', name, batches: 20, size: 6 }) as const;
        const [a, b, c, d, e] = await contend(scene.stage.engineModule, [
          drainer('run-1'),
          drainer('run-2'),
          drainer('run-3'),
          producer('producer-1'),
          producer('producer-2'),
        ]);
        const runs = [a, b, c];
        const enqueued = [...first.map(({ messageId }) => messageId), ...d.messageIds, ...e.messageIds];
        expect(enqueued).toHaveLength(total);
        expect(runs.flatMap((run) => run.done).sort()).toEqual([...enqueued].sort());
        expectFencedStarts(runs.flatMap((run) => run.claims));
        // No fence belongs to two processes, and in each process fences rise.
        const fences = runs.map((run) => [...new Set(run.claims.map(({ fence }) => fence))]);
        expect(new Set(fences.flat()).size).toBe(fences.flat().length);
        for (const own of fences) expect(own).toEqual([...own].sort((x, y) => x - y));
        expect(await queue.statistics()).toMatchObject({ ready: 0, claimed: 0, dead: 0, done: total });
        const highest = Math.max(...fences.flat());
        const lease = (await database.leases.list()).find(({ name }) => name === 'queue:outbox');
        expect(lease!.fence).toBeGreaterThanOrEqual(highest);
      },
      timeoutMs,
    );

    test(
      'Q3: another process’s batch is seen whole or not at all',
      async () => {
        const { address, queue } = await scene.queue('outbox');
        const size = 2_000;
        const seen = new Set<number>();
        const producing = contend(scene.stage.engineModule, [
          { kind: 'produce', address, queue: 'outbox', name: 'producer', batches: 4, size },
        ]);
        await whileGoingOn(producing, async () => seen.add((await queue.statistics()).ready));
        seen.add((await queue.statistics()).ready);
        for (const count of seen) expect(count % size).toBe(0);
        expect(seen).toContain(4 * size);
      },
      timeoutMs,
    );

    test(
      'L2: processes that acquire leases at once: exactly one wins each',
      async () => {
        const { address, database } = await scene.tenant();
        const names = Array.from({ length: 60 }, (_, index) => `race ${index}`);
        const job = (owner: string) => ({ kind: 'race', address, owner, names }) as const;
        const results = await contend(scene.stage.engineModule, [job('p-1'), job('p-2'), job('p-3')]);
        expect(results.flatMap(({ won }) => won).sort()).toEqual([...names].sort());
        const owners = new Map((await database.leases.list()).map(({ name, owner }) => [name, owner]));
        results.forEach(({ won }, index) => {
          for (const name of won) expect(owners.get(name)).toBe(`p-${index + 1}`);
        });
      },
      timeoutMs,
    );

    test(
      'L2, L3: a lease that goes from process to process never has one fence twice',
      async () => {
        const { address, database } = await scene.tenant();
        const job = (owner: string) =>
          ({ kind: 'hold', address, owner, name: 'baton', leaseMs: 20, rounds: 12 }) as const;
        const results = await contend(scene.stage.engineModule, [job('p-1'), job('p-2'), job('p-3')]);
        const fences = results.flatMap((result) => result.fences).sort((a, b) => a - b);
        expect(fences).toEqual(fences.map((_, index) => fences[0]! + index));
        const baton = (await database.leases.list()).find(({ name }) => name === 'baton');
        expect(baton!.fence).toBe(fences.at(-1));
        expect(results.reduce((sum, { renewals }) => sum + renewals, 0)).toBeGreaterThan(0);
      },
      timeoutMs,
    );

    test(
      'F3: planners in several processes never both win a tenant',
      async () => {
        const { stage, registry } = await scene.registry();
        for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await add(registry, id);
        const job = (owner: string) => ({ kind: 'plan', owner, leaseMs: 100, rounds: 15 }) as const;
        const results = await contend(stage.engineModule, [job('p-1'), job('p-2'), job('p-3')]);
        const won = results.flatMap((result) => result.won);
        expect(won.length).toBeGreaterThan(0);
        const wins = won.map(({ tenantId, planVersion }) => `${tenantId} ${planVersion}`);
        expect(new Set(wins).size).toBe(wins.length);
        const plans = won.map(({ tenantId, fence }) => `${tenantId} ${fence}`);
        expect(new Set(plans).size).toBe(plans.length);
      },
      timeoutMs,
    );

    test(
      'several processes may migrate one database at once',
      async () => {
        const address = await scene.newTenant();
        const job = { kind: 'migrate', address } as const;
        const results = await contend(scene.stage.engineModule, [job, job, job]);
        const { latest } = scene.open(address).schema;
        expect(results.flatMap(({ steps }) => steps).sort((a, b) => a - b)).toEqual(
          Array.from({ length: latest }, (_, index) => index + 1),
        );
        await expect(scene.open(address).schema.version()).resolves.toBe(latest);
      },
      timeoutMs,
    );
  });
}
