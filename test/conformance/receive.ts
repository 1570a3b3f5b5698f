/** I1, I2: a repeated message is stored once, and other content under a known id is stored as a conflict. */

import { MessageStatus, type NewMessage } from '../../src/engine/message.ts';
import { discardDead, listDead, replayDead } from '../support/dead-letters.ts';
import { anHour, begin, dead, done, message, payloads, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';

const from = (source: string, id: string, payload: string, fields: Partial<NewMessage> = {}): NewMessage =>
  message(payload, { source, dedupKey: id, hash: `hash of ${payload}`, ...fields });

export function receiveSuite(scene: Scene): void {
  describe('receiving', () => {
    test('I1: the same id from two sources and from none makes three messages', async () => {
      const { queue } = await scene.queue('inbox');
      const letters = [from('a', '1', 'A'), from('b', '1', 'B'), message('C', { dedupKey: '1' })];
      expect(await queue.enqueue(letters)).toMatchObject(letters.map(() => ({ status: 'enqueued' })));
      expect((await take(queue)).messages).toMatchObject([
        { payload: 'A', source: 'a', dedupKey: '1' },
        { payload: 'B', source: 'b', dedupKey: '1' },
        { payload: 'C', source: null, dedupKey: '1' },
      ]);
    });

    test('I1: sources and ids are compared exactly, and no two pairs are confused', async () => {
      const { queue } = await scene.queue('inbox');
      const pairs = [
        ['a', 'b'],
        ['A', 'b'],
        ['a', 'B'],
        ['ab', 'c'],
        ['a', 'bc'],
        ['a', 'b '],
      ] as const;
      const results = await queue.enqueue(pairs.map(([source, id]) => from(source, id, 'P')));
      expect(results.map(({ status }) => status)).toEqual(pairs.map(() => 'enqueued'));
    });

    test.each([
      ['a source', { source: 'a ' }],
      ['a source of blanks', { source: ' ', hash: 'other' }],
      ['a hash', { hash: 'hash of P ' }],
    ])('I1, I2: %s is never confused with another that has no blank at its end', async (_, fields) => {
      for (const beside of [[], [from('b', '2', 'Q')]]) {
        const { queue } = await scene.queue('inbox');
        await queue.enqueue([from('a', '1', 'P'), message('own', { dedupKey: '1', hash: 'other' })]);
        const kept = await queue.enqueue([from('a', '1', 'P', fields), ...beside]).then(
          ([result]) => result!.status,
          // An engine that cannot distinguish them refuses it.
          ({ code }) => code,
        );
        expect(['enqueued', 'conflict', 'INVALID_MESSAGE']).toContain(kept);
      }
    });

    test.each(['ready', 'claimed', 'done', 'dead'])(
      'I1: a duplicate of a message that is %s changes nothing and consumes no attempt',
      async (state) => {
        const { queue } = await scene.queue('inbox');
        const letter = from('a', '1', 'P', { orderingKey: 'K' });
        await queue.enqueue([letter]);
        if (state !== 'ready') {
          const { lease, messages } = await take(queue);
          const outcome = state === 'done' ? done : dead;
          if (state !== 'claimed') await settle(queue, lease, [outcome(messages[0]!)]);
        }
        const before = await stored(queue, letter);
        const again = [from('a', '1', 'P', { dueInMs: anHour }), from('a', '1', 'P')];
        expect(await queue.enqueue(again)).toEqual(
          again.map(() => ({ status: 'duplicate', messageId: letter.messageId })),
        );
        expect(await stored(queue, letter)).toEqual(before);
        for (const each of again) expect(await queue.get(each.messageId)).toBeNull();
      },
    );

    test('I2: other content under a known id is a conflict: stored as Dead, once, outside its ordering group', async () => {
      const { queue } = await scene.queue('inbox');
      const letter = from('a', '1', 'P', { orderingKey: 'K' });
      const other = from('a', '1', 'Q', { orderingKey: 'K', headers: { h: 'v' } });
      const behind = from('a', '2', 'R', { orderingKey: 'K' });
      await queue.enqueue([letter]);
      const conflict = { status: 'conflict', messageId: letter.messageId };
      expect(await queue.enqueue([other])).toEqual([conflict]);
      expect(await queue.enqueue([from('a', '1', 'Q'), behind])).toMatchObject([
        conflict,
        { status: 'enqueued' },
      ]);
      expect(await queue.statistics()).toMatchObject({ ready: 2, dead: 1 });
      expect(await listDead(queue, {}, { limit: 9 })).toMatchObject([
        {
          messageId: other.messageId,
          payload: 'Q',
          headers: { h: 'v' },
          source: 'a',
          dedupKey: '1',
          attempts: 0,
          blocked: false,
          lastError: expect.stringContaining(letter.messageId),
        },
      ]);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual(['P', 'R']);
      expect(await settle(queue, run.lease, run.messages.map(done))).toMatchObject({ unmatched: [] });
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
    });

    test('I2: two contents under one id in one call: the first is stored, the other a conflict', async () => {
      const { queue } = await scene.queue('inbox');
      const [first, second, third] = [from('a', '1', 'P'), from('a', '1', 'Q'), from('a', '1', 'P')];
      expect(await queue.enqueue([first, second, third])).toEqual([
        { status: 'enqueued', messageId: first.messageId },
        { status: 'conflict', messageId: first.messageId },
        { status: 'duplicate', messageId: first.messageId },
      ]);
      expect(await stored(queue, second)).toMatchObject({ status: MessageStatus.Dead });
    });

    test('I2: other content under the very id of a stored message is a conflict, and changes nothing', async () => {
      const { queue } = await scene.queue('inbox');
      const letters = [from('a', '1', 'P'), message('own', { hash: 'hash of own' })];
      await queue.enqueue(letters);
      for (const letter of letters) {
        const other = { ...letter, payload: 'other', hash: 'hash of other' };
        expect(await queue.enqueue([other])).toEqual([{ status: 'conflict', messageId: letter.messageId }]);
        expect(await stored(queue, letter)).toMatchObject({
          status: MessageStatus.Ready,
          payload: letter.payload,
        });
      }
      expect(await queue.statistics()).toMatchObject({ ready: 2, dead: 0 });
    });

    test('I2: without a hash on either side there is no conflict', async () => {
      const { queue } = await scene.queue('inbox');
      await queue.enqueue([message('P', { source: 'a', dedupKey: '1' }), from('a', '2', 'P')]);
      const again = [from('a', '1', 'Q'), message('Q', { source: 'a', dedupKey: '2' })];
      expect(await queue.enqueue(again)).toMatchObject([{ status: 'duplicate' }, { status: 'duplicate' }]);
    });

    test('I2: a conflict that is replayed is dispatched; discarded, it can come again', async () => {
      const { queue } = await scene.queue('inbox');
      const other = from('a', '1', 'Q');
      await queue.enqueue([from('a', '1', 'P')]);
      await queue.enqueue([other]);
      expect(await discardDead(queue, {}, 9)).toBe(1);
      expect(await queue.enqueue([other])).toMatchObject([{ status: 'conflict' }]);
      expect(await replayDead(queue, { messageIds: [other.messageId] }, 9)).toBe(1);
      expect((await take(queue)).messages).toMatchObject([
        { payload: 'P', source: 'a', dedupKey: '1' },
        { payload: 'Q', source: 'a', dedupKey: '1' },
      ]);
    });

    test('I3: receiving joins the caller’s transaction, conflicts too', async () => {
      const { queue, address } = await scene.queue('inbox');
      await queue.enqueue([from('a', '1', 'P')]);
      const [fresh, other] = [from('a', '2', 'R'), from('a', '1', 'Q')];
      for (const end of ['rollback', 'commit'] as const) {
        await scene.stage.withTransaction(
          address,
          async (transaction) => {
            expect(await queue.enqueue([fresh, other], transaction)).toMatchObject([
              { status: 'enqueued' },
              { status: 'conflict' },
            ]);
          },
          end,
        );
        const kept = end === 'commit' ? 1 : 0;
        expect(await queue.statistics()).toMatchObject({ ready: 1 + kept, dead: kept });
      }
    });

    test('Q12: retention is the window of deduplication', async () => {
      const { queue } = await scene.queue('inbox');
      await queue.enqueue([from('a', '1', 'P')]);
      const run = await take(queue);
      await settle(queue, run.lease, run.messages.map(done), { do: 'renew-lease' });
      // Done rows must be older than the retention, by a clock of milliseconds.
      let purged = 0;
      while (purged === 0) {
        const settled = await settle(
          queue,
          run.lease,
          [],
          { do: 'renew-lease' },
          { retention: { doneMs: 0, limit: 9 } },
        );
        purged = settled.purged;
      }
      expect(await queue.enqueue([from('a', '1', 'Q')])).toMatchObject([{ status: 'enqueued' }]);
    });
  });
}
