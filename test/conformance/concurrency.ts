/** Q3, Q4, Q6, L2, F1-F3: several hosts at once, each an engine of its own, inside this process. */

import { randomUUID } from 'node:crypto';
import { isMultiOutboxError } from '../../src/errors.ts';
import { replayDead } from '../support/dead-letters.ts';
import {
  add,
  beginPlan,
  commit,
  definition,
  ids,
  keyOf,
  noCounts,
  report,
  tenantOf,
} from './registry-entry.ts';
import { begin, dead, done, finish, message, next, payloads, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';
import { whileGoingOn } from './until.ts';

export function concurrencySuite(scene: Scene): void {
  describe('several hosts at once', () => {
    async function queues(count: number) {
      const place = await scene.queue('outbox');
      const hosts = Array.from({ length: count }, () => scene.open(place.address, scene.anotherHost()));
      return { ...place, hosts, others: hosts.map((host) => host.queue('outbox')) };
    }
    async function registries(count: number) {
      const { stage, registry } = await scene.registry();
      const others = Array.from({ length: count }, () => scene.anotherHost(stage).openRegistry());
      return { registry, others };
    }

    test('L2: of many that acquire one lease at once exactly one wins, each time', async () => {
      const { hosts } = await queues(3);
      let fence = 0;
      for (let round = 0; round < 10; round++) {
        const results = await Promise.all(
          hosts.flatMap(({ leases }, host) =>
            [1, 2].map((slot) =>
              leases.acquire({ name: 'race', owner: `host-${host}-${slot}`, durationMs: 60_000 }),
            ),
          ),
        );
        const won = results.filter((result) => result.status === 'acquired');
        expect(won).toHaveLength(1);
        if (fence > 0) expect(won[0]!.fence).toBe(fence + 1);
        fence = won[0]!.fence;
        const { acquisitionId } = won[0]!;
        const { owner } = (await hosts[0]!.leases.list()).find(({ name }) => name === 'race')!;
        for (const refused of results)
          if (refused.status === 'leased-elsewhere') expect(refused.owner).toBe(owner);
        expect(await hosts[0]!.leases.release({ name: 'race', owner: owner!, fence, acquisitionId })).toBe(
          true,
        );
      }
    });

    test('L3: of two that renew one lease only its holder succeeds', async () => {
      const { hosts } = await queues(2);
      const lease = { name: 'job', owner: 'host-1', durationMs: 60_000 };
      const result = await hosts[0]!.leases.acquire(lease);
      if (result.status !== 'acquired') throw new Error('expected the lease');
      const { fence, acquisitionId } = result;
      const mine = { ...lease, fence, acquisitionId };
      const theirs = { ...mine, owner: 'host-2' };
      const results = await Promise.all(
        Array.from({ length: 10 }, () => [
          hosts[0]!.leases.renew(mine, 60_000),
          hosts[1]!.leases.renew(theirs, 60_000),
        ]).flat(),
      );
      expect(results.map(({ status }) => status)).toEqual(Array(10).fill(['renewed', 'lost']).flat());
    });

    test('Q4, Q6: of many that begin at once exactly one claims, and nothing is claimed twice', async () => {
      const { queue, others } = await queues(4);
      const letters = Array.from({ length: 40 }, (_, index) => message(`${index}`));
      await queue.enqueue(letters);
      const handled: string[] = [];
      let fence = 0;
      while (handled.length < letters.length) {
        const results = await Promise.all(
          others.map((each, host) => begin(each, { owner: `host-${host}`, limit: 7 })),
        );
        const claimed = results.filter((result) => result.status === 'claimed');
        expect(claimed).toHaveLength(1);
        expect(results.filter((result) => result.status === 'leased-elsewhere')).toHaveLength(3);
        const [run] = claimed;
        expect(run!.lease.fence).toBeGreaterThan(fence);
        fence = run!.lease.fence;
        expect(await settle(queue, run!.lease, run!.messages.map(done))).toMatchObject({ unmatched: [] });
        handled.push(...payloads(run!.messages));
      }
      expect(handled).toEqual(payloads(letters));
    });

    test('Q3: of many that enqueue one dedup key at once one message is stored, and every caller gets its id', async () => {
      const { queue, others } = await queues(4);
      for (const dedupKey of ['first', 'second', 'third']) {
        const results = (
          await Promise.all(others.map((each) => each.enqueue([message(dedupKey, { dedupKey })])))
        ).flat();
        const [winner, ...more] = results.filter(({ status }) => status === 'enqueued');
        expect(more).toEqual([]);
        expect(results.map(({ messageId }) => messageId)).toEqual(others.map(() => winner!.messageId));
      }
      expect(payloads((await take(queue)).messages)).toEqual(['first', 'second', 'third']);
    });

    test('Q3, Q4: producers and a run at once: every message is claimed once', async () => {
      const { queue, others } = await queues(3);
      const batches = others.map((_, producer) =>
        Array.from({ length: 20 }, (__, index) => [`${producer}-${index}-a`, `${producer}-${index}-b`]),
      );
      const producing = Promise.all(
        others.map(async (each, producer) => {
          for (const batch of batches[producer]!)
            await each.enqueue(batch.map((payload) => message(payload)));
        }),
      );
      const handled: string[] = [];
      const dispatch = async () => {
        const run = await begin(queue, { limit: 10 });
        if (run.status !== 'claimed') return;
        handled.push(...payloads((await finish(queue, run, next({ limit: 10 }))).flat()));
      };
      await whileGoingOn(producing, dispatch);
      await dispatch();
      expect([...handled].sort()).toEqual(batches.flat(2).sort());
    });

    test('Q13: two that replay at once share the dead between them', async () => {
      const { queue, others } = await queues(2);
      const letters = Array.from({ length: 60 }, (_, index) => message(`${index}`));
      await queue.enqueue(letters);
      const run = await take(queue);
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => dead(each)),
      );
      // Both find the same messages; each message is changed by one of them.
      let total = 0;
      for (let rounds = 0; total < 60 && rounds < 60; rounds++) {
        const counts = await Promise.all([0, 1, 0, 1].map((host) => replayDead(others[host]!, {}, 25)));
        total += counts.reduce((sum, count) => sum + count, 0);
      }
      expect(total).toBe(60);
      for (const letter of letters) expect(await stored(queue, letter)).toMatchObject({ replayCount: 1 });
    });

    test('D8: many tenants at once, each with its own messages', async () => {
      const places = await Promise.all(Array.from({ length: 10 }, () => scene.queue('outbox')));
      await Promise.all(
        places.map(async ({ queue, address }) => {
          for (let round = 0; round < 3; round++) {
            await queue.enqueue([message(address.id), message(address.id)]);
            const run = await take(queue);
            expect(payloads(run.messages)).toEqual([address.id, address.id]);
            await settle(queue, run.lease, run.messages.map(done));
          }
        }),
      );
      // Making ten databases takes long on some servers.
    }, 120_000);

    test('F1: of two that add one tenant, or one database, at once one succeeds', async () => {
      const { registry, others } = await registries(2);
      const codes = async (calls: Promise<unknown>[]) =>
        (await Promise.allSettled(calls))
          .map((result) =>
            result.status === 'rejected' && isMultiOutboxError(result.reason)
              ? result.reason.code
              : result.status,
          )
          .sort();
      for (const id of ['a', 'b', 'c']) {
        expect(
          await codes(others.map((each, host) => each.add(definition(id), `${keyOf(id)} at ${host}`))),
        ).toEqual(['TENANT_EXISTS', 'fulfilled']);
        expect(
          await codes(others.map((each, host) => each.add(definition(`${id}-${host}`), keyOf(id)))),
        ).toEqual(['DATABASE_IN_USE', 'fulfilled']);
      }
      expect(await registry.list()).toHaveLength(6);
    });

    test('F3: two planners at once: one plans, and each tenant is won once', async () => {
      const { registry, others } = await registries(3);
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await add(registry, id);
      const won: string[] = [];
      for (let round = 0; round < 3; round++) {
        const plans = await Promise.all(
          others.map((each, planner) => beginPlan(each, { owner: `planner-${planner}`, limit: 2 })),
        );
        expect(plans.map(({ status }) => status).sort()).toEqual([
          'due',
          'leased-elsewhere',
          'leased-elsewhere',
        ]);
        const planner = plans.findIndex(({ status }) => status === 'due');
        const plan = plans[planner]!;
        if (plan.status === 'due') won.push(...(await commit(others[planner]!, plan)));
      }
      expect([...won].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    });

    test('D7: reports that come in at once are all counted', async () => {
      const { registry, others } = await registries(2);
      await add(registry, 'a');
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          report(others[index % 2]!, 'a', { counts: { ...noCounts, done: 1, retried: index } }),
        ),
      );
      expect((await tenantOf(registry, 'a')).schedule.totals).toMatchObject({ done: 20, retried: 190 });
    });

    test('F2: a reader of changes misses none while others make them', async () => {
      const { registry, others } = await registries(2);
      const names = Array.from({ length: 30 }, (_, index) => `t${index}`);
      const seen = new Map<string, string | undefined>();
      let { version } = await registry.changesSince(null);
      const look = async () => {
        const changes = await registry.changesSince(version);
        expect(changes.version).toBeGreaterThanOrEqual(version);
        version = changes.version;
        for (const tenant of changes.tenants) seen.set(tenant.id, tenant.tags.mark);
      };
      const marks = new Map<string, string>();
      const changing = Promise.all(
        others.map(async (each, host) => {
          for (const id of names.filter((_, index) => index % others.length === host)) {
            await add(each, id);
            const mark = randomUUID();
            marks.set(id, mark);
            await each.change(definition(id, { tags: { mark } }), keyOf(id));
          }
        }),
      );
      await whileGoingOn(changing, look);
      await look();
      expect([...seen].sort()).toEqual([...marks].sort());
      expect(ids((await registry.changesSince(version)).tenants)).toEqual([]);
    });
  });
}
