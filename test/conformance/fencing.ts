/** Q4, Q6, Q8, L2, L3: a run's outcomes count only while it holds its claims. */
import { MessageStatus } from '../../src/engine/message.ts';
import { queueLeaseName, queueNames } from '../../src/engine/work-queue.ts';
import {
  begin,
  dead,
  done,
  giveBack,
  keep,
  message,
  next,
  payloads,
  release,
  retry,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene, SceneQueue } from './scene.ts';
import { until } from './until.ts';

export function fencingSuite(scene: Scene): void {
  describe.each(queueNames)('fencing: %s', (name) => {
    const leaseOf = async ({ database }: SceneQueue) =>
      (await database.leases.list()).find((each) => each.name === queueLeaseName(name));
    const expired = (place: SceneQueue) =>
      until('the lease has run out', async () => {
        const lease = await leaseOf(place);
        return lease?.owner != null && !lease.held;
      });

    test('L1: a run’s lease is a lease like any other, with owner, fence and context', async () => {
      const place = await scene.queue(name);
      await place.queue.enqueue([message('A')]);
      const run = await take(place.queue, { owner: 'host-1', context: 'run 17', durationMs: 60_000 });
      expect(run.lease).toEqual({
        name: queueLeaseName(name),
        owner: 'host-1',
        fence: run.lease.fence,
        acquisitionId: expect.stringMatching(/^[0-9a-f-]{36}$/i),
      });
      expect(run.expiresInMs).toBeGreaterThan(0);
      expect(run.expiresInMs).toBeLessThanOrEqual(60_000);
      expect(await leaseOf(place)).toMatchObject({ ...run.lease, context: 'run 17', held: true });
      expect(await place.database.leases.renew(run.lease, 1_000_000)).toMatchObject({ status: 'renewed' });
      await settle(place.queue, run.lease, run.messages.map(done));
      expect(await leaseOf(place)).toMatchObject({ owner: null, held: false, fence: run.lease.fence });
    });

    test('Q4: a lease held by another owner keeps a run from beginning', async () => {
      const { queue, database } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const lease = { name: queueLeaseName(name), owner: 'maintenance', durationMs: 60_000 };
      await database.leases.acquire(lease);
      expect(await begin(queue)).toMatchObject({ status: 'leased-elsewhere', owner: 'maintenance' });
      expect(await queue.statistics()).toMatchObject({ ready: 1, claimed: 0 });
    });

    test('Q6: the fence rises with every run, also past releases and idle runs', async () => {
      const { queue } = await scene.queue(name);
      const fences: number[] = [];
      for (const payload of ['A', 'B', 'C']) {
        await begin(queue);
        await queue.enqueue([message(payload)]);
        const run = await take(queue);
        fences.push(run.lease.fence);
        await settle(queue, run.lease, run.messages.map(done));
      }
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    });

    test('L2: the same owner beginning again gets a newer fence, and its earlier run is lost', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const first = await take(queue, { owner: 'host-1' });
      const second = await take(queue, { owner: 'host-1' });
      expect(second.lease.fence).toBeGreaterThan(first.lease.fence);
      const late = await settle(queue, first.lease, first.messages.map(done), next());
      expect(late).toMatchObject({ lease: 'lost', expiresInMs: 0, messages: [], purged: 0 });
      expect(late.unmatched).toEqual(first.messages.map(({ sequence }) => sequence));
      expect(await settle(queue, second.lease, second.messages.map(done))).toMatchObject({ unmatched: [] });
    });

    test('Q8: outcomes of a run whose lease was taken are lost, all of them, and change nothing', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const letters = ['A', 'B', 'C'].map((payload) => message(payload));
      await queue.enqueue([...letters, message('D')]);
      const first = await take(queue, { owner: 'host-1', limit: 3, durationMs: 50 });
      await expired(place);
      const second = await take(queue, { owner: 'host-2', limit: 1 });
      const [a, b, c] = first.messages;
      const late = await settle(queue, first.lease, [done(a!), retry(b!), dead(c!)], release);
      expect(late.lease).toBe('lost');
      expect(late.expiresInMs).toBe(0);
      expect([...late.unmatched].sort((x, y) => x - y)).toEqual(
        first.messages.map(({ sequence }) => sequence),
      );
      for (const letter of letters) {
        const record = await stored(queue, letter);
        expect([MessageStatus.Ready, MessageStatus.Claimed]).toContain(record.status);
        expect(record).toMatchObject({ lastError: null, settledUtc: null });
      }
      // The holder is untouched by its predecessor's release.
      expect(await leaseOf(place)).toMatchObject({ owner: 'host-2', held: true, fence: second.lease.fence });
      expect(await settle(queue, second.lease, second.messages.map(done), keep)).toMatchObject({
        lease: 'renewed',
        unmatched: [],
      });
    });

    test('Q8: a lost lease claims nothing, though there is something to claim', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const first = await take(queue);
      const second = await takeAfterCrash(queue);
      await settle(queue, second.lease, second.messages.map(done));
      await queue.enqueue([message('B')]);
      expect(await settle(queue, first.lease, [], next())).toEqual({
        lease: 'lost',
        expiresInMs: 0,
        unmatched: [],
        messages: [],
        more: false,
        throttled: false,
        onlySolo: false,
        nextDueInMs: null,
        purged: 0,
        nowUtc: expect.any(Date),
      });
      expect(await queue.statistics()).toMatchObject({ ready: 1, claimed: 0 });
    });

    test.each([
      ['owner', { owner: 'somebody else' }],
      ['owner, in case only', { owner: 'HOST-1' }],
      ['fence', { fence: 1_000_000 }],
    ])('L3: a settle with another %s is lost', async (_, change) => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { owner: 'host-1', limit: 1 });
      expect(await settle(queue, { ...run.lease, ...change }, [], next())).toMatchObject({
        lease: 'lost',
        messages: [],
      });
      expect(await settle(queue, run.lease, run.messages.map(done), keep)).toMatchObject({
        lease: 'renewed',
        unmatched: [],
      });
    });

    test('Q6: if the lease expired and no other run took it, the outcomes are still written', async () => {
      const { queue, database } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter, message('B')]);
      const run = await take(queue, { limit: 1 });
      await database.leases.release(run.lease);
      const late = await settle(queue, run.lease, run.messages.map(done), next());
      expect(late).toMatchObject({ lease: 'lost', expiresInMs: 0, unmatched: [], messages: [] });
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Done });
    });

    test('L3: settling renews an expired lease that no other owner has taken', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1, durationMs: 50 });
      await expired(place);
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(settled).toMatchObject({ lease: 'renewed', unmatched: [] });
      expect(settled.expiresInMs).toBeGreaterThan(0);
      expect(payloads(settled.messages)).toEqual(['B']);
      expect(await leaseOf(place)).toMatchObject({ held: true, fence: run.lease.fence });
    });

    test('Q8: rows of another run are lost, the others are written', async () => {
      const { queue } = await scene.queue(name);
      const [waiting, gone] = [message('waiting'), message('gone')];
      await queue.enqueue([gone, message('ours'), waiting]);
      const run = await take(queue, { limit: 2 });
      const [first, second] = run.messages;
      await settle(queue, run.lease, [done(first!)], keep);
      const unclaimed = await stored(queue, waiting);
      const { sequence } = unclaimed;
      const unknown = sequence + 1_000_000;
      const settled = await settle(
        queue,
        run.lease,
        [dead(first!), dead(unclaimed), done(second!), done({ ...second!, sequence: unknown })],
        keep,
      );
      expect(settled.lease).toBe('renewed');
      expect([...settled.unmatched].sort((x, y) => x - y)).toEqual([first!.sequence, sequence, unknown]);
      expect(await stored(queue, gone)).toMatchObject({ status: MessageStatus.Done, lastError: null });
      expect(await stored(queue, waiting)).toMatchObject({ status: MessageStatus.Ready, attempts: 0 });
      expect(await stored(queue, second!)).toMatchObject({ status: MessageStatus.Done });
    });

    test.each([
      ['done', done],
      ['retry', retry],
      ['dead', dead],
      ['release', giveBack],
    ] as const)(
      'Q8: a late %s does not settle a message that a newer fence has claimed',
      async (_, outcome) => {
        const { queue } = await scene.queue(name);
        const letter = message('A');
        await queue.enqueue([letter]);
        const first = await take(queue);
        const second = await takeAfterCrash(queue);
        expect(second.messages).toMatchObject([{ payload: 'A', attempt: 2 }]);
        const { sequence } = second.messages[0]!;
        expect(await settle(queue, first.lease, [outcome(first.messages[0]!)], keep)).toMatchObject({
          lease: 'lost',
          unmatched: [sequence],
        });
        expect(await stored(queue, letter)).toMatchObject({
          status: MessageStatus.Claimed,
          attempts: 2,
          claimFence: second.lease.fence,
          lastError: null,
        });
        expect(await settle(queue, second.lease, second.messages.map(done))).toMatchObject({ unmatched: [] });
      },
    );

    test('L2: the fence survives a restart', async () => {
      const { queue, database, address } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const first = await take(queue);
      await settle(
        queue,
        first.lease,
        first.messages.map((each) => retry(each)),
      );
      await database.close();
      const again = scene.open(address, scene.anotherHost()).queue(name);
      expect((await take(again)).lease.fence).toBeGreaterThan(first.lease.fence);
    });
  });

  test('D1: the outbox and the inbox have separate leases', async () => {
    const { database } = await scene.tenant();
    for (const name of queueNames) await database.queue(name).enqueue([message(name)]);
    const outbox = await take(database.queue('outbox'), { owner: 'host-1' });
    const inbox = await take(database.queue('inbox'), { owner: 'host-2' });
    expect(payloads([...outbox.messages, ...inbox.messages])).toEqual(['outbox', 'inbox']);
    await settle(database.queue('outbox'), outbox.lease, outbox.messages.map(done));
    expect(await settle(database.queue('inbox'), inbox.lease, [], keep)).toMatchObject({ lease: 'renewed' });
  });

  test('Q6: a new run of one queue does not change the other’s claims', async () => {
    const { database } = await scene.tenant();
    for (const name of queueNames) await database.queue(name).enqueue([message(name)]);
    const inbox = await take(database.queue('inbox'));
    for (const _ of [1, 2, 3]) await takeAfterCrash(database.queue('outbox'));
    expect(await settle(database.queue('inbox'), inbox.lease, inbox.messages.map(done))).toMatchObject({
      unmatched: [],
    });
  });
}
