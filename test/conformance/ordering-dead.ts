/** Q10, Q13: the effect of a Dead message on its ordering group: it blocks the group, or the group goes on. */

import { queueNames } from '../../src/engine/work-queue.ts';
import { discardDead, replayDead } from '../support/dead-letters.ts';
import {
  anHour,
  begin,
  dead,
  done,
  enqueueDead,
  giveBack,
  keep,
  line,
  message,
  next,
  payloads,
  retry,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene } from './scene.ts';

export function orderingDeadSuite(scene: Scene): void {
  describe.each(queueNames)('dead in an ordering group: %s', (name) => {
    test('Q10: block: a Dead message blocks its key and no other', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2'), ...line('L', 'L1')]);
      const run = await take(queue);
      const outcomes = run.messages.map((each) => (each.payload === 'K1' ? dead(each) : giveBack(each)));
      const settled = await settle(queue, run.lease, outcomes, next());
      expect(payloads(settled.messages)).toEqual(['L1']);
      expect(settled).toMatchObject({ more: false, nextDueInMs: null });
      const [late] = line('K', 'K3');
      await queue.enqueue([late!]);
      expect(await stored(queue, late!)).toMatchObject({ blocked: true });
      await settle(queue, run.lease, settled.messages.map(done));
      expect(await begin(queue)).toMatchObject({ status: 'idle', more: false, nextDueInMs: null });
      expect(await queue.statistics()).toMatchObject({ ready: 2, due: 0, blocked: 2, dead: 1 });
    });

    test('Q10, Q13: block: a replayed message goes first, then the rest of its group', async () => {
      const { queue } = await scene.queue(name);
      const [first, ...others] = line('K', 'K1', 'K2', 'K3');
      await enqueueDead(queue, first!);
      await queue.enqueue(others);
      await expect(replayDead(queue, {}, 10)).resolves.toBe(1);
      expect(await stored(queue, first!)).toMatchObject({ blocked: false });
      expect(payloads((await take(queue)).messages)).toEqual(['K1', 'K2', 'K3']);
    });

    test('Q10: block: discarding the message unblocks its group', async () => {
      const { queue } = await scene.queue(name);
      const [first, ...others] = line('K', 'K1', 'K2', 'K3');
      await enqueueDead(queue, first!);
      await queue.enqueue(others);
      await expect(discardDead(queue, {}, 10)).resolves.toBe(1);
      expect(await stored(queue, others[0]!)).toMatchObject({ blocked: false });
      expect(payloads((await take(queue)).messages)).toEqual(['K2', 'K3']);
    });

    test('Q10: block: several Dead messages block a key until the last of them is gone', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2, k3] = line('K', 'K1', 'K2', 'K3');
      await queue.enqueue([k1!, k2!]);
      const run = await take(queue);
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => dead(each)),
      );
      await queue.enqueue([k3!]);
      await discardDead(queue, { messageIds: [k2!.messageId] }, 10);
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
      await discardDead(queue, { messageIds: [k1!.messageId] }, 10);
      expect(payloads((await take(queue)).messages)).toEqual(['K3']);
    });

    test('Q10: block: a Dead message in the middle blocks the messages behind it', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2, k3] = line('K', 'K1', 'K2', 'K3');
      await queue.enqueue([k1!, k2!, k3!]);
      const run = await take(queue);
      const [first, second, third] = run.messages;
      const settled = await settle(
        queue,
        run.lease,
        [retry(first!), dead(second!), giveBack(third!)],
        next(),
      );
      expect(payloads(settled.messages)).toEqual(['K1']);
      const after = await settle(queue, run.lease, settled.messages.map(done), next());
      expect(after).toMatchObject({ messages: [], more: false, nextDueInMs: null });
      await replayDead(queue, { messageIds: [k2!.messageId] }, 1);
      expect(payloads((await take(queue)).messages)).toEqual(['K2', 'K3']);
    });

    test('Q10: block: a crash does not unblock the key', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2'), message('A')]);
      const crashed = await take(queue);
      const k1 = crashed.messages.find(({ payload }) => payload === 'K1')!;
      await settle(queue, crashed.lease, [dead(k1)], keep);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['A']);
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(settled).toMatchObject({ lease: 'released', messages: [], nextDueInMs: null });
    });

    test('Q10: continue: a Dead message does not block its key', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const run = await take(queue, { limit: 1 });
      const settled = await settle(
        queue,
        run.lease,
        run.messages.map((each) => dead(each)),
        next(),
        {
          onDead: 'continue',
        },
      );
      expect(payloads(settled.messages)).toEqual(['K2']);
    });

    test('Q10: continue: a Dead message does not block messages enqueued later', async () => {
      const { queue } = await scene.queue(name);
      const [first, late] = line('K', 'K1', 'K2');
      await enqueueDead(queue, first!, 'continue');
      await queue.enqueue([late!]);
      expect(await stored(queue, late!)).toMatchObject({ blocked: false });
      expect(payloads((await take(queue)).messages)).toEqual(['K2']);
    });

    test('Q10: a message waiting for its retry blocks its key under continue too', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const run = await take(queue, { limit: 1 });
      const outcomes = run.messages.map((each) => retry(each, anHour));
      expect(await settle(queue, run.lease, outcomes, next(), { onDead: 'continue' })).toMatchObject({
        messages: [],
      });
    });

    test('Q10, Q13: a message replayed under continue takes its place by sequence again', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2, k3] = line('K', 'K1', 'K2', 'K3');
      await enqueueDead(queue, k1!, 'continue');
      await queue.enqueue([k2!, k3!]);
      await replayDead(queue, {}, 10);
      expect(await stored(queue, k2!)).toMatchObject({ blocked: true });
      expect(payloads((await take(queue)).messages)).toEqual(['K1', 'K2', 'K3']);
    });

    test('Q10, Q13: a message replayed under continue into an empty group is its head', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = line('K', 'K1', 'K2');
      await enqueueDead(queue, k1!, 'continue');
      await replayDead(queue, {}, 10);
      await queue.enqueue([k2!]);
      expect(await stored(queue, k2!)).toMatchObject({ blocked: true });
      expect(payloads((await take(queue)).messages)).toEqual(['K1', 'K2']);
    });

    test('Q10, Q13: a message replayed before a waiting one goes first', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = line('K', 'K1', 'K2');
      await enqueueDead(queue, k1!, 'continue');
      await queue.enqueue([k2!]);
      const run = await take(queue);
      await settle(queue, run.lease, [retry(run.messages[0]!, anHour)]);
      await replayDead(queue, {}, 10);
      const again = await take(queue);
      expect(payloads(again.messages)).toEqual(['K1']);
      const settled = await settle(queue, again.lease, again.messages.map(done), next());
      expect(settled).toMatchObject({ messages: [], lease: 'released' });
      expect(settled.nextDueInMs).toBeGreaterThan(0);
    });

    test('Q10, Q13: a message replayed while its key is in flight waits until it has settled', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2, k3] = line('K', 'K1', 'K2', 'K3');
      await enqueueDead(queue, k1!, 'continue');
      await queue.enqueue([k2!, k3!]);
      const run = await take(queue, { limit: 1 });
      expect(payloads(run.messages)).toEqual(['K2']);
      await replayDead(queue, {}, 10);
      const busy = await settle(queue, run.lease, [], next({ solo: false }));
      expect(busy.messages).toEqual([]);
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(payloads(settled.messages)).toEqual(['K1', 'K3']);
    });

    test('Q10, Q13: a message replayed while its key is in flight survives a crash in its place', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = line('K', 'K1', 'K2');
      await enqueueDead(queue, k1!, 'continue');
      await queue.enqueue([k2!]);
      await take(queue);
      await replayDead(queue, {}, 10);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['K1']);
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(settled.messages).toMatchObject([{ payload: 'K2', recovered: true }]);
    });

    test('Q10: discarding a message that no longer blocks its key does not affect the group', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2, k3] = line('K', 'K1', 'K2', 'K3');
      await enqueueDead(queue, k1!, 'continue');
      await queue.enqueue([k2!, k3!]);
      const run = await take(queue, { limit: 1 });
      await discardDead(queue, {}, 10);
      expect((await settle(queue, run.lease, [], next({ solo: false }))).messages).toEqual([]);
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(payloads(settled.messages)).toEqual(['K3']);
    });
  });
}
