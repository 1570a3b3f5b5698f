/** Q3, Q4: enqueuing inside the caller's transaction, and the effect of that transaction on a claim. */

import { markTransaction } from '../../src/engine/transaction-mark.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { isMultiOutboxError } from '../../src/errors.ts';
import { begin, done, message, next, payloads, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

export function joinSuite(scene: Scene): void {
  describe.each(queueNames)('the caller’s transaction: %s', (name) => {
    test('Q3: committed with the caller’s transaction, and not before', async () => {
      const { queue, address } = await scene.queue(name);
      const elsewhere = scene.open(address, scene.anotherHost()).queue(name);
      const [first, second] = [message('A'), message('B')];
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await expect(queue.enqueue([first], transaction)).resolves.toEqual([
            { messageId: first.messageId, status: 'enqueued' },
          ]);
          await queue.enqueue([second], transaction);
          if (scene.harness.promises.producersNeverBlockClaims) {
            await expect(begin(elsewhere)).resolves.toMatchObject({ status: 'idle', nextDueInMs: null });
          }
        },
        'commit',
      );
      expect(payloads((await take(elsewhere)).messages)).toEqual(['A', 'B']);
    });

    test('Q3: rolled back means never seen', async () => {
      const { queue, address } = await scene.queue(name);
      const letter = message('A', { dedupKey: 'once', orderingKey: 'K' });
      await scene.stage.withTransaction(
        address,
        (transaction) => queue.enqueue([letter, message('B')], transaction),
        'rollback',
      );
      await expect(queue.get(letter.messageId)).resolves.toBeNull();
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0, blocked: 0 });
      await expect(begin(queue)).resolves.toMatchObject({ status: 'idle', more: false, nextDueInMs: null });
      // The rollback also removed its dedup key, its id and its place in the ordering group.
      await expect(queue.enqueue([letter])).resolves.toMatchObject([{ status: 'enqueued' }]);
      expect(payloads((await take(queue)).messages)).toEqual(['A']);
    });

    test('Q3: inside the transaction, duplicates of committed and of own messages are seen', async () => {
      const { queue, address } = await scene.queue(name);
      const committed = message('committed', { dedupKey: 'a' });
      await queue.enqueue([committed]);
      const own = message('own', { dedupKey: 'b' });
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await queue.enqueue([own], transaction);
          await expect(
            queue.enqueue(
              [message('x', { dedupKey: 'a' }), message('y', { dedupKey: 'b' }), message('z')],
              transaction,
            ),
          ).resolves.toMatchObject([
            { status: 'duplicate', messageId: committed.messageId },
            { status: 'duplicate', messageId: own.messageId },
            { status: 'enqueued' },
          ]);
        },
        'commit',
      );
      expect(payloads((await take(queue)).messages)).toEqual(['committed', 'own', 'z']);
    });

    test('F7: the end of a joined transaction is reported, and only after it', async () => {
      const { queue, address } = await scene.queue(name);
      for (const end of ['commit', 'rollback'] as const) {
        let committed: Promise<boolean> | undefined;
        let told = false;
        await scene.stage.withTransaction(
          address,
          async (transaction) => {
            const [first, second] = [message(end), message(end)];
            await queue.enqueue([first], transaction);
            committed = queue.committed(transaction, first.messageId);
            void committed.then(() => {
              told = true;
            });
            await queue.enqueue([second], transaction);
            expect(queue.committed(transaction, second.messageId)).toBe(committed);
            expect(told).toBe(false);
          },
          end,
        );
        expect(await committed).toBe(end === 'commit');
      }
    });

    test('Q3: a large batch joins as well', async () => {
      const { queue, address } = await scene.queue(name);
      const batch = Array.from({ length: 1_500 }, (_, index) => message(`${index}`));
      await scene.stage.withTransaction(
        address,
        (transaction) => queue.enqueue(batch, transaction),
        'commit',
      );
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 1_500, due: 1_500 });
    });

    test('Q3: the engine’s own connection goes on while a transaction is open and after it', async () => {
      const { queue, address } = await scene.queue(name);
      const joined = message('joined');
      await scene.stage.withTransaction(
        address,
        (transaction) => queue.enqueue([joined], transaction),
        'commit',
      );
      await queue.enqueue([message('own')]);
      expect(payloads((await take(queue)).messages)).toEqual(['joined', 'own']);
    });

    test('Q3: a connection without a transaction is refused, and nothing is stored', async () => {
      const { queue, address } = await scene.queue(name);
      const letter = message('A');
      await scene.stage.withoutTransaction(address, async (idle) => {
        await expect(queue.enqueue([letter], idle)).rejects.toMatchObject({
          code: 'TRANSACTION_NOT_OPEN',
          tenantId: address.id,
        });
      });
      await expect(queue.get(letter.messageId)).resolves.toBeNull();
    });

    test('Q3: a call whose transaction has ended stores nothing in the next one of the same value', async () => {
      const { queue, address } = await scene.queue(name);
      const [stray, own] = [message('stray'), message('own')];
      const ended = await scene.stage.withTransaction(
        address,
        async (transaction) => ({ transaction, mark: markTransaction(transaction) }),
        'commit',
      );
      await expect(queue.enqueue([stray], ended.transaction, ended.mark)).rejects.toMatchObject({
        code: 'TRANSACTION_NOT_OPEN',
        tenantId: address.id,
      });
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          const mark = markTransaction(transaction);
          await scene.stage.beginAgain(transaction);
          await expect(queue.enqueue([stray], transaction, mark)).rejects.toMatchObject({
            code: 'TRANSACTION_NOT_OPEN',
            message: expect.stringContaining('await the call'),
          });
          await queue.enqueue([own], transaction, markTransaction(transaction));
        },
        'commit',
      );
      await expect(queue.get(stray.messageId)).resolves.toBeNull();
      await expect(stored(queue, own)).resolves.toMatchObject({ payload: 'own' });
    });

    test('Q3: another tenant’s transaction is refused, and can go on', async () => {
      const { queue } = await scene.queue(name);
      const other = await scene.queue(name);
      const [stray, own] = [message('stray'), message('own')];
      await scene.stage.withTransaction(
        other.address,
        async (transaction) => {
          await expect(queue.enqueue([stray], transaction)).rejects.toMatchObject({ code: 'WRONG_DATABASE' });
          await other.queue.enqueue([own], transaction);
        },
        'commit',
      );
      await expect(queue.get(stray.messageId)).resolves.toBeNull();
      await expect(other.queue.get(stray.messageId)).resolves.toBeNull();
      await expect(stored(other.queue, own)).resolves.toMatchObject({ payload: 'own' });
    });

    test('Q3: all or none, also inside the caller’s transaction', async () => {
      const { queue, address } = await scene.queue(name);
      const good = message('good');
      const broken = message(null as never);
      const rejected = { name: 'MultiOutboxError' };
      await expect(queue.enqueue([good, broken])).rejects.toMatchObject(rejected);
      const ended = scene.stage.withTransaction(
        address,
        async (transaction) => {
          await expect(queue.enqueue([good, broken], transaction)).rejects.toMatchObject(rejected);
        },
        'commit',
      );
      // After the failure some databases let a transaction commit, others do not.
      await ended.catch(() => {});
      await expect(queue.get(good.messageId)).resolves.toBeNull();
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0 });
    });

    test.each([
      ['an empty object', {}],
      ['a string', 'transaction'],
    ])('Q3: %s is not a transaction', async (_, transaction) => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      const refusal = await queue.enqueue([letter], transaction).catch((error: unknown) => error);
      expect(isMultiOutboxError(refusal)).toBe(true);
      await expect(queue.get(letter.messageId)).resolves.toBeNull();
    });
  });

  test('Q4: a claim in flight does not block producers', async () => {
    const { queue, address } = await scene.queue('outbox');
    await queue.enqueue([message('A')]);
    const run = await take(queue);
    const elsewhere = scene.open(address, scene.anotherHost()).queue('outbox');
    await expect(elsewhere.enqueue([message('B')])).resolves.toMatchObject([{ status: 'enqueued' }]);
    await scene.stage.withTransaction(
      address,
      (transaction) => queue.enqueue([message('C')], transaction),
      'commit',
    );
    const settled = await settle(queue, run.lease, [], { do: 'claim', solo: false, limit: 9, maxBytes: 9e6 });
    expect(payloads(settled.messages)).toEqual(['B', 'C']);
  });

  test('Q4: a claim that ends at its limit leaves nothing open that a producer’s commit could disturb', async () => {
    const { queue, address } = await scene.queue('outbox');
    await queue.enqueue([message('A'), message('B')]);
    const run = await take(queue, { limit: 1 });
    await scene.stage.withTransaction(
      address,
      (transaction) => queue.enqueue([message('C')], transaction),
      'commit',
    );
    const settled = await settle(queue, run.lease, run.messages.map(done), next());
    expect(payloads(settled.messages)).toEqual(['B', 'C']);
  });

  test('D8: a transaction left open in one tenant’s database holds up no other tenant', async () => {
    const stuck = await scene.queue('outbox');
    const { queue } = await scene.queue('outbox');
    const { waiting } = await scene.stage.withTransaction(
      stuck.address,
      async (transaction) => {
        await stuck.queue.enqueue([message('stuck')], transaction);
        const waiting = stuck.queue.enqueue([message('waiting')]);
        await queue.enqueue([message('A')]);
        const run = await take(queue);
        expect(await settle(queue, run.lease, run.messages.map(done))).toMatchObject({ unmatched: [] });
        return { waiting };
      },
      'commit',
    );
    await expect(waiting).resolves.toMatchObject([{ status: 'enqueued' }]);
  });

  if (scene.harness.promises.producersNeverBlockClaims) {
    test('Q4: a producer’s open transaction blocks neither claim nor settle', async () => {
      const { queue, address } = await scene.queue('outbox');
      await queue.enqueue([message('A', { orderingKey: 'K' })]);
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await queue.enqueue([message('B'), message('C', { orderingKey: 'K' })], transaction);
          const run = await take(queue);
          expect(payloads(run.messages)).toEqual(['A']);
          const settled = await settle(queue, run.lease, run.messages.map(done));
          expect(settled).toMatchObject({ lease: 'released', unmatched: [] });
        },
        'commit',
      );
      expect(payloads((await take(queue)).messages)).toEqual(['B', 'C']);
    });

    test('Q4: a message whose producer commits late is not skipped', async () => {
      const { queue, address } = await scene.queue('outbox');
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await queue.enqueue([message('early, committed late', { orderingKey: 'K' })], transaction);
          await queue.enqueue([message('late, committed early', { orderingKey: 'L' })]);
          const run = await take(queue);
          expect(payloads(run.messages)).toEqual(['late, committed early']);
          await settle(queue, run.lease, run.messages.map(done));
        },
        'commit',
      );
      expect(payloads((await take(queue)).messages)).toEqual(['early, committed late']);
    });
  } else {
    test('Q4: a claim waits for a producer’s open transaction, without blocking the process', async () => {
      const { queue, address } = await scene.queue('outbox');
      await queue.enqueue([message('A')]);
      const claim = await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await queue.enqueue([message('B')], transaction);
          let ended = false;
          const waiting = take(queue).finally(() => {
            ended = true;
          });
          // If the claim blocked the event loop, this process could never commit, and the test would hang.
          let turns = 0;
          await until('the event loop has turned', async () => ++turns > 5);
          expect(ended).toBe(false);
          return { waiting };
        },
        'commit',
      );
      expect(payloads((await claim.waiting).messages)).toEqual(['A', 'B']);
    });

    test('Q4, Q9: an idle tenant’s run does not wait for a producer’s open transaction', async () => {
      const { queue, address } = await scene.queue('outbox');
      await scene.stage.withTransaction(
        address,
        async (transaction) => {
          await queue.enqueue([message('A')], transaction);
          expect(await begin(queue)).toMatchObject({ status: 'idle', messages: [], nextDueInMs: null });
        },
        'commit',
      );
    });
  }
}
