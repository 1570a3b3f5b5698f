/** Q8, L3, F2: after a restore under running hosts, sequences, fences and versions repeat; identities do not. */
import type { LeaseRef } from '../../src/engine/lease-store.ts';
import { MessageStatus } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import type { Restore } from '../support/sqlite-backup.ts';
import { add, definition, keyOf } from './registry-entry.ts';
import {
  type ClaimedRun,
  dead,
  done,
  giveBack,
  keep,
  message,
  next,
  retry,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene, SceneQueue } from './scene.ts';

const { signal } = new AbortController();

export function restoreSuite(scene: Scene): void {
  const elsewhere = ({ address, queue }: SceneQueue) =>
    scene.open(address, scene.anotherHost()).queue(queue.name);
  /** A run on another host claims what the first run had, by the numbers of the restored database. */
  async function takenElsewhere(place: SceneQueue, run: ClaimedRun, owner: string): Promise<ClaimedRun> {
    const other = await take(elsewhere(place), { owner });
    expect(other.lease.fence).toBe(run.lease.fence);
    expect(other.messages.map(({ sequence }) => sequence)).toEqual(
      run.messages.map(({ sequence }) => sequence),
    );
    return other;
  }

  const kinds = [
    ['done', done],
    ['retry', retry],
    ['dead', dead],
    ['release', giveBack],
  ] as const;

  describe.each(queueNames)('a restored database: %s', (name) => {
    let restore: Restore;
    const backUp = async ({ address }: SceneQueue) => {
      restore = await scene.stage.backUp(address);
    };

    test.each(kinds)(
      'Q8: before the message was stored: its %s does not settle the message that has its sequence',
      async (_, outcome) => {
        const place = await scene.queue(name);
        const { queue } = place;
        await backUp(place);
        await queue.enqueue([message('gone')]);
        const run = await take(queue);
        await restore();
        const fresh = message('never run');
        await queue.enqueue([fresh]);
        const other = await takenElsewhere(place, run, 'host-2');
        const { sequence } = run.messages[0]!;
        expect(await settle(queue, run.lease, [outcome(run.messages[0]!)], keep)).toMatchObject({
          lease: 'lost',
          unmatched: [sequence],
        });
        expect(await stored(queue, fresh)).toMatchObject({
          status: MessageStatus.Claimed,
          attempts: 1,
          lastError: null,
        });
        const settled = await settle(elsewhere(place), other.lease, other.messages.map(done));
        expect(settled).toMatchObject({ lease: 'released', unmatched: [] });
      },
    );

    test.each(kinds)(
      'Q8: before the claim: its %s does not settle the message that another run has claimed under its fence',
      async (_, outcome) => {
        const place = await scene.queue(name);
        const { queue } = place;
        const letter = message('A');
        await queue.enqueue([letter]);
        await backUp(place);
        const run = await take(queue);
        await restore();
        // The same owner: even a host that names itself after its machine is not taken for its earlier run.
        const other = await takenElsewhere(place, run, run.lease.owner);
        const late = await settle(queue, run.lease, [outcome(run.messages[0]!)], next());
        expect(late).toMatchObject({ lease: 'lost', messages: [], unmatched: [run.messages[0]!.sequence] });
        expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Claimed, attempts: 1 });
        const settled = await settle(elsewhere(place), other.lease, other.messages.map(done));
        expect(settled).toMatchObject({ lease: 'released', unmatched: [] });
      },
    );

    test('Q8: between claim and settle: the run that claimed the message settles it', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      await backUp(place);
      await settle(queue, run.lease, run.messages.map(done), keep);
      await restore();
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Claimed });
      const settled = await settle(queue, run.lease, run.messages.map(done), keep);
      expect(settled).toMatchObject({ lease: 'renewed', unmatched: [] });
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Done });
    });

    test('Q8: within a run: of two claims of one sequence, each outcome settles only its own message', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('before')]);
      const run = await take(queue);
      await backUp(place);
      await queue.enqueue([message('gone')]);
      const [gone] = (await settle(queue, run.lease, [], next({ solo: false }))).messages;
      await restore();
      const fresh = message('never run');
      await queue.enqueue([fresh]);
      const [claimed] = (await settle(queue, run.lease, [], next({ solo: false }))).messages;
      expect(claimed).toMatchObject({ sequence: gone!.sequence, payload: 'never run' });
      for (const [, outcome] of kinds) {
        const late = await settle(queue, run.lease, [outcome(gone!)], keep);
        expect(late).toMatchObject({ lease: 'renewed', unmatched: [gone!.sequence] });
      }
      expect(await stored(queue, fresh)).toMatchObject({ status: MessageStatus.Claimed });
      await settle(queue, run.lease, [done(gone!), dead(claimed!), ...run.messages.map(done)]);
      expect(await stored(queue, fresh)).toMatchObject({ status: MessageStatus.Dead });
      expect(await queue.statistics()).toMatchObject({ done: 1, dead: 1, claimed: 0, ready: 0 });
    });

    test.each([
      ['before the last claim', false],
      ['before an earlier call', true],
    ])(
      'Q8: within a run, %s: of two claims of many sequences, each outcome settles only its own message',
      async (_, isEarlier) => {
        const place = await scene.queue(name);
        const { queue } = place;
        const eight = (text: string) => Array.from({ length: 8 }, (_, nth) => message(`${text} ${nth}`));
        await queue.enqueue([message('before')]);
        const run = await take(queue);
        await backUp(place);
        if (isEarlier) await settle(queue, run.lease, [], keep);
        await queue.enqueue(eight('gone'));
        const gone = (await settle(queue, run.lease, [], next({ solo: false }))).messages;
        await restore();
        await queue.enqueue(eight('never run'));
        const fresh = (await settle(queue, run.lease, [], next({ solo: false }))).messages;
        expect(fresh.map(({ sequence }) => sequence)).toEqual(gone.map(({ sequence }) => sequence));
        expect(fresh[0]).toMatchObject({ payload: 'never run 0' });
        const late = await settle(queue, run.lease, gone.map(done), keep);
        expect(late.unmatched.toSorted((a, b) => a - b)).toEqual(gone.map(({ sequence }) => sequence));
        expect(await queue.statistics()).toMatchObject({ done: 0, claimed: 9 });
        expect(await settle(queue, run.lease, [...run.messages, ...fresh].map(done))).toMatchObject({
          unmatched: [],
        });
        expect(await queue.statistics()).toMatchObject({ done: 9, claimed: 0, ready: 0 });
      },
    );

    test.each([
      ['stored', 'host-2', false],
      ['claimed', 'host-1', true],
    ])(
      'T1: before the message was %s: a handler’s transaction is rolled back',
      async (_, owner, isStoredBefore) => {
        const place = await scene.queue(name);
        const { queue } = place;
        const letter = message('A');
        if (isStoredBefore) await queue.enqueue([letter]);
        await backUp(place);
        if (!isStoredBefore) await queue.enqueue([letter]);
        const run = await take(queue);
        await restore();
        const present = isStoredBefore ? letter : message('never run');
        if (!isStoredBefore) await queue.enqueue([present]);
        const other = await takenElsewhere(place, run, owner);
        const effect = message('effect');
        const outbox = place.database.queue('outbox');
        const transacted = queue.transact({ lease: run.lease, ...run.messages[0]!, signal }, (transaction) =>
          outbox.enqueue([effect], transaction),
        );
        await expect(transacted).rejects.toMatchObject({ code: 'LEASE_LOST' });
        expect(await outbox.get(effect.messageId)).toBeNull();
        expect(await stored(queue, present)).toMatchObject({ status: MessageStatus.Claimed });
        await elsewhere(place).transact(
          { lease: other.lease, ...other.messages[0]!, signal },
          async () => {},
        );
        expect(await stored(queue, present)).toMatchObject({ status: MessageStatus.Done });
      },
    );

    test('T1: within a run: a transaction does not settle the message that has its sequence', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('before')]);
      const run = await take(queue);
      await backUp(place);
      await queue.enqueue([message('gone')]);
      const [gone] = (await settle(queue, run.lease, [], next({ solo: false }))).messages;
      await restore();
      const fresh = message('never run');
      await queue.enqueue([fresh]);
      await settle(queue, run.lease, [], next({ solo: false }));
      const transacted = queue.transact({ lease: run.lease, ...gone!, signal }, async () => {});
      await expect(transacted).rejects.toMatchObject({ code: 'LEASE_LOST' });
      expect(await stored(queue, fresh)).toMatchObject({ status: MessageStatus.Claimed });
    });
  });

  describe('restored leases', () => {
    test('L3: the same owner and fence of an acquisition that the restore undid neither renew nor release', async () => {
      const { address, database } = await scene.tenant();
      const restore = await scene.stage.backUp(address);
      const request = { name: 'job', owner: 'host-1', durationMs: 60_000 };
      const acquire = async (): Promise<LeaseRef> => {
        const result = await database.leases.acquire(request);
        if (result.status !== 'acquired') throw new Error(`expected the lease, got ${result.status}`);
        return { ...request, fence: result.fence, acquisitionId: result.acquisitionId };
      };
      const undone = await acquire();
      await restore();
      const present = await acquire();
      expect(present.fence).toBe(undone.fence);
      expect(await database.leases.renew(undone, 60_000)).toEqual({ status: 'lost' });
      expect(await database.leases.release(undone)).toBe(false);
      expect(await database.leases.renew(present, 60_000)).toMatchObject({ status: 'renewed' });
      expect(await database.leases.release(present)).toBe(true);
    });

    test('F3: a plan that began before the restore does not get a tenant', async () => {
      const { stage, registry } = await scene.registry();
      await add(registry, 'acme');
      const restore = await stage.backUp('registry');
      const begin = async () => {
        const plan = await registry.beginPlan({ owner: 'host-1', leaseMs: 60_000, limit: 10 });
        if (plan.status !== 'due') throw new Error(`expected due tenants, got ${plan.status}`);
        const choices = plan.candidates.map(({ tenant, planVersion }) => ({
          tenantId: tenant.id,
          planVersion,
        }));
        return { lease: plan.lease, choices, redispatchMs: 60_000 };
      };
      const undone = await begin();
      await restore();
      const present = await begin();
      expect(present.lease.fence).toBe(undone.lease.fence);
      expect(await registry.commitPlan(undone)).toEqual([]);
      expect(await registry.commitPlan(present)).toEqual(['acme']);
    });
  });

  describe('a restored registry', () => {
    async function restorable() {
      const { stage, registry } = await scene.registry();
      await add(registry, 'a');
      const { version } = await add(registry, 'b');
      const restore = await stage.backUp('registry');
      return { registry, version, restore };
    }

    test('F2: a host that has seen later versions gets all tenants', async () => {
      const { registry, version, restore } = await restorable();
      await registry.change(definition('a', { priority: 5 }), keyOf('a'));
      await add(registry, 'c');
      const { version: seen } = await registry.changesSince(version);
      await restore();
      const changes = await registry.changesSince(seen);
      expect(changes).toMatchObject({ version, isWhole: true });
      expect(changes.tenants).toMatchObject([
        { id: 'a', priority: 0 },
        { id: 'b', version },
      ]);
      expect(await registry.changesSince(version)).toEqual({ version, isWhole: false, tenants: [] });
    });

    test('F2: also when the restored registry has had as many changes since', async () => {
      const { registry, version, restore } = await restorable();
      await add(registry, 'c');
      const { version: seen } = await registry.changesSince(version);
      await restore();
      for (let priority = 1; priority <= 5; priority++) {
        await registry.change(definition('b', { priority }), keyOf('b'));
        const changes = await registry.changesSince(seen);
        expect({ priority, isWhole: changes.isWhole }).toEqual({ priority, isWhole: true });
        expect(changes.tenants).toMatchObject([{ id: 'a' }, { id: 'b', priority }]);
      }
    });
  });
}
