/** S2: the last call of a run tells what it leaves in its queue, and so does the call of an idle run. */

import type { NewMessage } from '../../src/engine/message.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { discardDead, replayDead } from '../support/dead-letters.ts';
import {
  anHour,
  begin,
  dead,
  done,
  giveBack,
  line,
  message,
  next,
  park,
  retry,
  settle,
  take,
} from './run.ts';
import type { Scene } from './scene.ts';

/** What an empty queue has. */
export const nothing = {
  ready: 0,
  due: 0,
  blocked: 0,
  dead: 0,
  parked: [],
  atLeast: [],
  // An engine may not know it before the first run has taken the queue's lease.
  isEmpty: expect.any(Boolean),
  oldestDueAgeMs: null,
};

/** What a queue has that holds Ready or Dead messages. */
const some = { ...nothing, isEmpty: false };

async function claimAll(queue: WorkQueue, messages: readonly NewMessage[]) {
  await queue.enqueue(messages);
  const run = await take(queue);
  const of = (payload: string) => run.messages.find((each) => each.payload === payload)!;
  return { ...run, of };
}

export function storedCountsSuite(scene: Scene): void {
  describe('what a run leaves behind', () => {
    test('S2: a run counts ready, due, blocked, parked and dead messages in the call that releases its lease', async () => {
      const { queue } = await scene.queue('outbox');
      const { lease, of, ...claimed } = await claimAll(queue, [
        ...['done', 'dies', 'due', 'late'].map((payload) => message(payload)),
        ...line('K', 'K1', 'K2', 'K3'),
        message('parked 1', { topic: 'töpic' }),
        message('parked 2', { topic: 'töpic' }),
        message('parked 3', { topic: 'other' }),
      ]);
      expect(claimed).not.toHaveProperty('stored');
      expect(await settle(queue, lease, [done(of('done'))], { do: 'renew-lease' })).not.toHaveProperty(
        'stored',
      );
      const outcomes = [
        dead(of('dies')),
        giveBack(of('due')),
        retry(of('late'), anHour),
        retry(of('K1'), anHour),
        giveBack(of('K2')),
        giveBack(of('K3')),
        ...['parked 1', 'parked 2', 'parked 3'].map((payload) => park(of(payload), anHour)),
      ];
      const { stored, unmatched } = await settle(queue, lease, outcomes);
      expect(unmatched).toEqual([]);
      expect(stored).toEqual({
        ready: 8,
        due: 1,
        blocked: 2,
        dead: 1,
        parked: [
          { topic: 'töpic', count: 2 },
          { topic: 'other', count: 1 },
        ],
        atLeast: [],
        isEmpty: false,
        oldestDueAgeMs: expect.any(Number),
      });
      expect(stored!.oldestDueAgeMs).toBeGreaterThanOrEqual(0);
    });

    test('S2: an idle run counts too, and sees what operators have done meanwhile', async () => {
      const { queue } = await scene.queue('inbox');
      const idle = async () => {
        const begun = await begin(queue);
        if (begun.status !== 'idle') throw new Error(`expected an idle run, got ${begun.status}`);
        return begun.stored;
      };
      expect(await idle()).toEqual(nothing);
      const { lease, of } = await claimAll(queue, [message('dies'), message('stays')]);
      const last = await settle(queue, lease, [dead(of('dies')), dead(of('stays'))], next());
      expect(last).toMatchObject({ lease: 'released', stored: { ...some, dead: 2 } });
      await queue.enqueue([message('later', { dueInMs: anHour })]);
      expect(await idle()).toEqual({ ...some, ready: 1, dead: 2 });
      await discardDead(queue, { messageIds: [of('dies').messageId] }, 1);
      expect(await idle()).toEqual({ ...some, ready: 1, dead: 1 });
      await replayDead(queue, {}, 1);
      const replayed = await take(queue);
      const after = await settle(queue, replayed.lease, replayed.messages.map(done));
      expect(after.stored).toEqual({ ...some, ready: 1 });
    });

    test('S2: a queue is empty when no message is left to be tried again or replayed', async () => {
      const { queue } = await scene.queue('outbox');
      const isEmpty = async () => {
        const begun = await begin(queue);
        return begun.status === 'idle' ? begun.stored!.isEmpty : begun.status;
      };
      const { lease, of } = await claimAll(queue, [message('done'), message('dies')]);
      const last = await settle(queue, lease, [done(of('done')), dead(of('dies'))], next());
      expect(last.stored!.isEmpty).toBe(false);
      expect(await isEmpty()).toBe(false);
      await discardDead(queue, {}, 1);
      expect(await isEmpty()).toBe(true);
      await queue.enqueue([message('later', { dueInMs: anHour })]);
      expect(await isEmpty()).toBe(false);
    });

    test('S2: throttled messages are due, and count once', async () => {
      const { queue } = await scene.queue('outbox');
      await queue.enqueue(['1', '2', '3'].map((payload) => message(payload)));
      const run = await take(queue, { rooms: [{ topic: 'orders', room: 1 }] });
      expect(run.throttled).toBe(true);
      const { stored } = await settle(queue, run.lease, run.messages.map(done));
      expect(stored).toEqual({ ...some, ready: 2, due: 2, oldestDueAgeMs: expect.any(Number) });
    });
  });
}
