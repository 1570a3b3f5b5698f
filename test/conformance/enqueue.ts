/** Q1, Q3: what enqueue returns and stores, and how it treats duplicates. */
import { randomUUID } from 'node:crypto';
import { MessageStatus } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { anHour, begin, dead, done, message, payloads, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';

export function enqueueSuite(scene: Scene): void {
  describe.each(queueNames)('enqueue: %s', (name) => {
    test('Q1: an enqueued message is Ready, due now and never tried', async () => {
      const { queue } = await scene.queue(name);
      const first = message('A', {
        topic: 'Orders.Placed',
        headers: { traceparent: '00-1-2-01' },
        correlationId: 'correlation 1',
        orderingKey: 'customer 1',
        dedupKey: 'order 1',
      });
      expect(queue.name).toBe(name);
      await expect(queue.enqueue([first])).resolves.toEqual([
        { messageId: first.messageId, status: 'enqueued' },
      ]);
      const record = await stored(queue, first);
      expect(record).toMatchObject({
        messageId: first.messageId,
        topic: 'Orders.Placed',
        payload: 'A',
        headers: { traceparent: '00-1-2-01' },
        correlationId: 'correlation 1',
        orderingKey: 'customer 1',
        dedupKey: 'order 1',
        status: MessageStatus.Ready,
        attempts: 0,
        parks: 0,
        claimFence: null,
        recovered: false,
        lastError: null,
        firstError: null,
        replayCount: 0,
        settledUtc: null,
        blocked: false,
      });
      expect(record.enqueuedUtc).toBeInstanceOf(Date);
      expect(record.dueUtc).toEqual(record.enqueuedUtc);
      expect(Number.isSafeInteger(record.sequence)).toBe(true);
    });

    test('Q1: absent fields of a message are null, and absent headers are an empty record', async () => {
      const { queue } = await scene.queue(name);
      const plain = message('');
      await queue.enqueue([plain]);
      expect(await stored(queue, plain)).toMatchObject({
        payload: '',
        headers: {},
        correlationId: null,
        orderingKey: null,
        dedupKey: null,
      });
    });

    test('Q3: a batch answers in the order given and is sequenced in it', async () => {
      const { queue } = await scene.queue(name);
      const batch = Array.from({ length: 3_000 }, (_, index) => message(`${index}`));
      const results = await queue.enqueue(batch);
      expect(results).toEqual(batch.map(({ messageId }) => ({ messageId, status: 'enqueued' })));
      const { messages, more } = await take(queue, { limit: 3_000 });
      expect(payloads(messages)).toEqual(payloads(batch));
      expect(more).toBe(false);
    });

    test('Q3: sequences rise from one call to the next', async () => {
      const { queue } = await scene.queue(name);
      const letters = ['A', 'B', 'C'].map((payload) => message(payload));
      for (const letter of letters) await queue.enqueue([letter]);
      const sequences = [];
      for (const letter of letters) sequences.push((await stored(queue, letter)).sequence);
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
    });

    test('Q3: enqueuing an empty batch stores nothing', async () => {
      const { queue } = await scene.queue(name);
      await expect(queue.enqueue([])).resolves.toEqual([]);
      expect(await queue.statistics()).toMatchObject({ ready: 0 });
    });

    test('Q3: a dedup key seen before is a no-op that returns the first message', async () => {
      const { queue } = await scene.queue(name);
      const first = message('first', { dedupKey: 'order 1' });
      const second = message('second', { dedupKey: 'order 1' });
      await queue.enqueue([first]);
      await expect(queue.enqueue([message('other'), second, message('another')])).resolves.toMatchObject([
        { status: 'enqueued' },
        { status: 'duplicate', messageId: first.messageId },
        { status: 'enqueued' },
      ]);
      await expect(queue.get(second.messageId)).resolves.toBeNull();
      expect(payloads((await take(queue)).messages).sort()).toEqual(['another', 'first', 'other']);
    });

    test('Q3: a dedup key seen earlier in the same batch is a no-op too', async () => {
      const { queue } = await scene.queue(name);
      const [first, second, third] = ['1', '2', '3'].map((p) => message(p, { dedupKey: 'same' })) as [
        ReturnType<typeof message>,
        ReturnType<typeof message>,
        ReturnType<typeof message>,
      ];
      await expect(queue.enqueue([first, message('x'), second, third])).resolves.toMatchObject([
        { status: 'enqueued', messageId: first.messageId },
        { status: 'enqueued' },
        { status: 'duplicate', messageId: first.messageId },
        { status: 'duplicate', messageId: first.messageId },
      ]);
      expect(payloads((await take(queue)).messages)).toEqual(['1', 'x']);
    });

    test('Q3: a message id seen before, in the table or in the batch, is a duplicate', async () => {
      const { queue } = await scene.queue(name);
      const first = message('first');
      const again = { ...first, payload: 'again', dedupKey: 'not seen' };
      await expect(queue.enqueue([first, again])).resolves.toEqual([
        { messageId: first.messageId, status: 'enqueued' },
        { messageId: first.messageId, status: 'duplicate' },
      ]);
      await expect(queue.enqueue([again])).resolves.toEqual([
        { messageId: first.messageId, status: 'duplicate' },
      ]);
      expect(payloads((await take(queue)).messages)).toEqual(['first']);
    });

    test('Q3: if two messages have its id and its dedup key, it is a duplicate of the earlier one', async () => {
      const { queue } = await scene.queue(name);
      const [a, b] = [message('A', { dedupKey: 'a' }), message('B', { dedupKey: 'b' })];
      await queue.enqueue([a, b]);
      await expect(
        queue.enqueue([
          { ...a, dedupKey: 'b' },
          { ...b, dedupKey: 'a' },
        ]),
      ).resolves.toEqual([
        { messageId: a.messageId, status: 'duplicate' },
        { messageId: a.messageId, status: 'duplicate' },
      ]);
    });

    test('Q3: a duplicate uses up neither its own dedup key nor its own id', async () => {
      const { queue } = await scene.queue(name);
      const first = message('first', { dedupKey: 'a' });
      await queue.enqueue([first]);
      await queue.enqueue([{ ...first, payload: 'same id', dedupKey: 'b' }]);
      const sameKey = message('same key', { dedupKey: 'a' });
      await queue.enqueue([sameKey]);
      await expect(
        queue.enqueue([message('b is free', { dedupKey: 'b' }), { ...sameKey, dedupKey: 'c' }]),
      ).resolves.toMatchObject([{ status: 'enqueued' }, { status: 'enqueued' }]);
    });

    test.each(['claimed', 'done', 'dead', 'waiting'])(
      'Q3: a dedup key stays taken while its message is %s',
      async (state) => {
        const { queue } = await scene.queue(name);
        const first = message('first', {
          dedupKey: 'once',
          ...(state === 'waiting' ? { dueInMs: anHour } : {}),
        });
        await queue.enqueue([first]);
        if (state !== 'waiting') {
          const run = await take(queue);
          const outcome = state === 'done' ? done(run.messages[0]!) : dead(run.messages[0]!);
          if (state !== 'claimed') await settle(queue, run.lease, [outcome]);
        }
        await expect(queue.enqueue([message('second', { dedupKey: 'once' })])).resolves.toEqual([
          { messageId: first.messageId, status: 'duplicate' },
        ]);
      },
    );

    test.each(['orders ', ' orders', '  '])(
      'Q3, D4: the topic %p is refused, and nothing is stored',
      async (topic) => {
        const { queue } = await scene.queue(name);
        for (const beside of [[], [message('beside')]]) {
          const refused = queue.enqueue([...beside, message('odd', { topic })]);
          await expect(refused).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
        }
        expect(await queue.statistics()).toMatchObject({ ready: 0 });
      },
    );

    test('Q3: dedup keys are compared exactly: case, accents and blanks count', async () => {
      const { queue } = await scene.queue(name);
      const keys = [
        'key',
        'KEY',
        'kéy',
        'ke\u0301y',
        'key ',
        ' key',
        'k',
        'ｋｅｙ',
        'key😀',
        'key😁',
        '1',
        '01',
      ];
      const results = await queue.enqueue(keys.map((dedupKey) => message(dedupKey, { dedupKey })));
      expect(results.map(({ status }) => status)).toEqual(keys.map(() => 'enqueued'));
      for (const dedupKey of keys) {
        const [again] = await queue.enqueue([message('again', { dedupKey })]);
        expect(again).toEqual({ status: 'duplicate', messageId: results[keys.indexOf(dedupKey)]!.messageId });
      }
    });

    test('Q3: messages without a dedup key are never duplicates of one another', async () => {
      const { queue } = await scene.queue(name);
      const twin = { topic: 'orders', payload: 'twin' };
      const results = await queue.enqueue([1, 2, 3].map(() => ({ ...twin, messageId: randomUUID() })));
      expect(results.map(({ status }) => status)).toEqual(['enqueued', 'enqueued', 'enqueued']);
    });

    test('Q2: a delay counts from the moment of enqueuing, by the database', async () => {
      const { queue } = await scene.queue(name);
      const later = message('later', { dueInMs: anHour });
      await queue.enqueue([later]);
      const record = await stored(queue, later);
      expect(record.dueUtc.getTime() - record.enqueuedUtc.getTime()).toBe(anHour);
      expect(await begin(queue)).toMatchObject({ status: 'idle', messages: [] });
    });
  });

  test('Q3: outbox and inbox do not know each other’s messages, dedup keys or ids', async () => {
    const { database } = await scene.tenant();
    const twin = message('twin', { dedupKey: 'same' });
    for (const name of queueNames) {
      await expect(database.queue(name).enqueue([twin])).resolves.toEqual([
        { messageId: twin.messageId, status: 'enqueued' },
      ]);
    }
    await database.queue('inbox').enqueue([message('inbox only')]);
    expect(payloads((await take(database.queue('outbox'))).messages)).toEqual(['twin']);
    expect(payloads((await take(database.queue('inbox'))).messages)).toEqual(['twin', 'inbox only']);
  });

  test('F1: two tenants do not see each other’s messages', async () => {
    const here = await scene.queue('outbox');
    const there = await scene.queue('outbox');
    const letter = message('here');
    await here.queue.enqueue([letter]);
    await expect(there.queue.get(letter.messageId)).resolves.toBeNull();
    await expect(there.queue.enqueue([letter])).resolves.toMatchObject([{ status: 'enqueued' }]);
  });
}
