/** Q12, Q13: reading, replaying and discarding Dead messages. */

import { MessageStatus } from '../../src/engine/message.ts';
import type { Found, MessageFilter, Position } from '../../src/engine/message-search.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { countDead, discardDead, listDead, replayDead } from '../support/dead-letters.ts';
import { clockPasses } from './clock.ts';
import { anHour, dead, done, enqueueDead, message, payloads, retry, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

/** Enqueues them all, and lets all die in one settle. */
async function allDead(queue: WorkQueue, letters: readonly ReturnType<typeof message>[]): Promise<void> {
  await queue.enqueue(letters);
  const run = await take(queue);
  await settle(
    queue,
    run.lease,
    run.messages.map((each) => dead(each)),
  );
}

export function deadSuite(scene: Scene): void {
  describe.each(queueNames)('dead: %s', (name) => {
    test('Q13: replay makes it Ready and due now, with attempts reset and its history kept', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A', { headers: { a: '1' }, dedupKey: 'once' });
      await queue.enqueue([letter]);
      let run = await take(queue);
      await settle(queue, run.lease, [retry(run.messages[0]!, 0, 'first')]);
      run = await take(queue);
      await settle(queue, run.lease, [dead(run.messages[0]!, 'second')]);
      expect(await stored(queue, letter)).toMatchObject({ attempts: 2, firstError: 'first' });
      await expect(replayDead(queue, {}, 10)).resolves.toBe(1);
      const record = await stored(queue, letter);
      expect(record).toMatchObject({
        status: MessageStatus.Ready,
        attempts: 0,
        parks: 0,
        replayCount: 1,
        firstError: 'first',
        claimFence: null,
        settledUtc: null,
        recovered: false,
        headers: { a: '1' },
        dedupKey: 'once',
      });
      run = await take(queue);
      expect(run.messages).toMatchObject([{ messageId: letter.messageId, attempt: 1, payload: 'A' }]);
      await settle(queue, run.lease, [dead(run.messages[0]!, 'third')]);
      await replayDead(queue, {}, 10);
      expect(await stored(queue, letter)).toMatchObject({ replayCount: 2, firstError: 'first' });
    });

    test('Q13: only Dead messages are changed, even when ids are given', async () => {
      const { queue } = await scene.queue(name);
      const [ready, claimed, settled] = [
        message('ready', { dueInMs: anHour }),
        message('claimed'),
        message('settled'),
      ];
      await queue.enqueue([settled]);
      const first = await take(queue);
      await settle(queue, first.lease, first.messages.map(done));
      await queue.enqueue([ready, claimed]);
      await take(queue);
      const filter = { messageIds: [ready, claimed, settled].map(({ messageId }) => messageId) };
      await expect(countDead(queue, filter)).resolves.toBe(0);
      await expect(listDead(queue, filter, { limit: 10 })).resolves.toEqual([]);
      await expect(replayDead(queue, filter, 10)).resolves.toBe(0);
      await expect(discardDead(queue, filter, 10)).resolves.toBe(0);
      expect(await queue.statistics()).toMatchObject({ ready: 1, claimed: 1, done: 1, dead: 0 });
    });

    test('discarding deletes the message permanently, and its keys with it', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A', { dedupKey: 'once' });
      await enqueueDead(queue, letter);
      await expect(discardDead(queue, {}, 10)).resolves.toBe(1);
      await expect(queue.get(letter.messageId)).resolves.toBeNull();
      await expect(countDead(queue, {})).resolves.toBe(0);
      await expect(queue.enqueue([letter])).resolves.toMatchObject([{ status: 'enqueued' }]);
    });

    test('the list has the oldest death first, page after page, whatever the sequence', async () => {
      const { queue, database } = await scene.queue(name);
      const letters = ['1', '2', '3', '4'].map((payload) => message(payload));
      await queue.enqueue(letters);
      const run = await take(queue);
      const order = [2, 0, 3, 1];
      for (const index of order) {
        await settle(queue, run.lease, [dead(run.messages[index]!)], { do: 'renew-lease' });
        await clockPasses(database.leases);
      }
      const expected = order.map((index) => letters[index]!.payload);
      expect(payloads(await listDead(queue, {}, { limit: 10 }))).toEqual(expected);
      const paged: string[] = [];
      let after: Position | null = null;
      for (let page = 0; page < 4; page++) {
        const { messages, next }: Found = await queue.find(
          { states: ['dead'] },
          { limit: 1, examine: 100, ...(after && { after }) },
        );
        expect(messages).toHaveLength(1);
        paged.push((await queue.get(messages[0]!.messageId))!.payload);
        after = next;
      }
      expect(paged).toEqual(expected);
      await expect(
        queue.find({ states: ['dead'] }, { limit: 1, examine: 100, after: after! }),
      ).resolves.toMatchObject({ messages: [], next: null });
    });

    test('pages neither repeat nor leave out messages that died at the same moment', async () => {
      const { queue } = await scene.queue(name);
      const letters = Array.from({ length: 25 }, (_, index) => message(`${index}`));
      await allDead(queue, letters);
      const seen: string[] = [];
      let after: Position | null = null;
      do {
        const { messages, next }: Found = await queue.find(
          { states: ['dead'] },
          { limit: 10, examine: 100, ...(after && { after }) },
        );
        seen.push(...messages.map(({ messageId }) => messageId));
        after = next;
      } while (after !== null);
      expect(seen).toEqual(letters.map(({ messageId }) => messageId));
    });

    test('a listed record is the whole message', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A', {
        orderingKey: 'K',
        dedupKey: 'D',
        correlationId: 'C',
        headers: { h: '1' },
      });
      await enqueueDead(queue, letter);
      const [record] = await listDead(queue, {}, { limit: 1 });
      expect(record).toEqual(await stored(queue, letter));
      expect(record).toMatchObject({ ...letter, status: MessageStatus.Dead, lastError: 'it cannot work' });
    });

    test('D4: topics are compared case-insensitively', async () => {
      const { queue } = await scene.queue(name);
      await allDead(queue, [
        message('1', { topic: 'Orders.Placed' }),
        message('2', { topic: 'orders.PLACED' }),
        message('3', { topic: 'orders.placed2' }),
        message('4', { topic: 'ÄNDERUNG' }),
        message('5', { topic: 'a_b' }),
        message('6', { topic: 'axb' }),
        message('7', { topic: '%' }),
      ]);
      const found = async (topic: string) => payloads(await listDead(queue, { topic }, { limit: 10 }));
      await expect(found('ORDERS.placed')).resolves.toEqual(['1', '2']);
      await expect(found('änderung')).resolves.toEqual(['4']);
      await expect(found('A_B')).resolves.toEqual(['5']);
      await expect(found('%')).resolves.toEqual(['7']);
      await expect(found('orders')).resolves.toEqual([]);
      // No topic has a blank at its end.
      await expect(found('orders.placed ')).resolves.toEqual([]);
      await expect(discardDead(queue, { topic: 'orders.placed ' }, 10)).resolves.toBe(0);
      await expect(countDead(queue, { topic: 'oRDERS.pLACED' })).resolves.toBe(2);
      expect(
        await stored(queue, (await listDead(queue, { topic: 'orders.placed' }, { limit: 1 }))[0]!),
      ).toMatchObject({ topic: 'Orders.Placed' });
    });

    test('every condition given must match, and an empty list of ids matches nothing', async () => {
      const { queue } = await scene.queue(name);
      const letters = ['a', 'b', 'b'].map((topic, index) => message(`${index}`, { topic }));
      await allDead(queue, letters);
      const ids = letters.map(({ messageId }) => messageId);
      const count = (filter: MessageFilter) => countDead(queue, filter);
      await expect(count({})).resolves.toBe(3);
      await expect(count({ messageIds: ids.slice(0, 2) })).resolves.toBe(2);
      await expect(count({ messageIds: ids.slice(0, 2), topic: 'B' })).resolves.toBe(1);
      await expect(count({ messageIds: [ids[0]!], topic: 'b' })).resolves.toBe(0);
      await expect(count({ messageIds: [] })).resolves.toBe(0);
      await expect(replayDead(queue, { messageIds: [] }, 10)).resolves.toBe(0);
      await expect(discardDead(queue, { messageIds: [] }, 10)).resolves.toBe(0);
      await expect(listDead(queue, { messageIds: [] }, { limit: 10 })).resolves.toEqual([]);
      await expect(replayDead(queue, { messageIds: ids, topic: 'b' }, 10)).resolves.toBe(2);
      expect(payloads(await listDead(queue, {}, { limit: 10 }))).toEqual(['0']);
    });

    test('a thousand ids can be named', async () => {
      const { queue } = await scene.queue(name);
      const letters = Array.from({ length: 1_000 }, (_, index) => message(`${index}`));
      await allDead(queue, letters);
      const messageIds = letters.map(({ messageId }) => messageId);
      await expect(countDead(queue, { messageIds })).resolves.toBe(1_000);
      await expect(replayDead(queue, { messageIds }, 1_000)).resolves.toBe(1_000);
    });

    test('Q2: the database’s clock measures how long a message has been Dead', async () => {
      const { queue } = await scene.queue(name);
      await enqueueDead(queue, message('A'));
      await expect(countDead(queue, { olderThanMs: anHour })).resolves.toBe(0);
      await expect(replayDead(queue, { olderThanMs: anHour }, 10)).resolves.toBe(0);
      await expect(discardDead(queue, { olderThanMs: anHour }, 10)).resolves.toBe(0);
      await until('the death is 50 ms old', async () => (await countDead(queue, { olderThanMs: 50 })) === 1);
      await expect(discardDead(queue, { olderThanMs: 50 }, 10)).resolves.toBe(1);
    });

    test('replay and discard take at most the limit a call, the oldest death first', async () => {
      const { queue } = await scene.queue(name);
      await allDead(
        queue,
        ['A', 'B', 'C', 'D', 'E'].map((payload) => message(payload)),
      );
      await expect(replayDead(queue, {}, 2)).resolves.toBe(2);
      expect(payloads(await listDead(queue, {}, { limit: 10 }))).toEqual(['C', 'D', 'E']);
      await expect(discardDead(queue, {}, 2)).resolves.toBe(2);
      expect(payloads(await listDead(queue, {}, { limit: 10 }))).toEqual(['E']);
      await expect(discardDead(queue, {}, 2)).resolves.toBe(1);
      await expect(discardDead(queue, {}, 2)).resolves.toBe(0);
      expect(payloads((await take(queue)).messages)).toEqual(['A', 'B']);
    });
  });
}
