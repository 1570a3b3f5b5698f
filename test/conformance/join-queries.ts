/** Q3: enqueuing inside the caller's transaction of a driver that the engine does not know, through its queries. */
import type { SqlTransaction } from '../../src/engine/callers-transaction.ts';
import type { TenantAddress } from '../../src/engine/engine.ts';
import { MessageStatus } from '../../src/engine/message.ts';
import { markTransaction } from '../../src/engine/transaction-mark.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { message, payloads, stored, take } from './run.ts';
import type { Scene } from './scene.ts';

export function joinQueriesSuite(scene: Scene): void {
  type Work<T> = (transaction: SqlTransaction) => Promise<T>;
  const within = <T>(address: TenantAddress, end: 'commit' | 'rollback', work: Work<T>) =>
    scene.stage.withTransaction(address, (own) => work(scene.stage.asQueries(own)), end);

  /** As an application runs the statement of a message, with its own driver. */
  async function execute(queue: WorkQueue, transaction: SqlTransaction, stored: ReturnType<typeof message>) {
    const { sql, parameters, messageId } = queue.enqueueStatement(stored);
    expect(messageId).toBe(stored.messageId);
    await transaction.query(sql, [...parameters]);
  }

  describe('a transaction of any driver', () => {
    test('Q3: committed together; simultaneous calls keep apart, and each message comes back as it was', async () => {
      const { queue, address } = await scene.queue('outbox');
      const full = message('?', {
        headers: { 'x-?': '$1' },
        correlationId: 'c ?',
        orderingKey: '@p1',
        dedupKey: ':d',
        dueInMs: 3_600_000,
      });
      const results = await within(address, 'commit', (transaction) =>
        Promise.all([
          queue.enqueue([full], transaction),
          queue.enqueue([message('B'), message('C')], transaction),
          queue.enqueue([message('again', { dedupKey: ':d' })], transaction),
        ]),
      );
      expect(results).toMatchObject([
        [{ status: 'enqueued', messageId: full.messageId }],
        [{ status: 'enqueued' }, { status: 'enqueued' }],
        [{ status: 'duplicate', messageId: full.messageId }],
      ]);
      const { dueInMs, ...rest } = full;
      const kept = await stored(queue, full);
      expect(kept).toMatchObject(rest);
      expect(kept.dueUtc.getTime() - kept.enqueuedUtc.getTime()).toBe(dueInMs);
      expect(payloads((await take(queue)).messages)).toEqual(['B', 'C']);
    });

    test('Q3: rolled back together', async () => {
      const { queue, address } = await scene.queue('outbox');
      await within(address, 'rollback', (transaction) => queue.enqueue([message('A')], transaction));
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0 });
    });

    test('I2: a conflict is stored as dead, within the transaction', async () => {
      const { queue, address } = await scene.queue('inbox');
      const first = message('one', { source: 's', dedupKey: 'd', hash: 'h1' });
      const other = message('two', { source: 's', dedupKey: 'd', hash: 'h2' });
      await within(address, 'commit', async (transaction) => {
        await queue.enqueue([first], transaction);
        await expect(queue.enqueue([other], transaction)).resolves.toMatchObject([
          { status: 'conflict', messageId: first.messageId },
        ]);
      });
      await expect(stored(queue, other)).resolves.toMatchObject({ status: MessageStatus.Dead });
    });

    test('Q3: all or none', async () => {
      const { queue, address } = await scene.queue('outbox');
      const ended = within(address, 'commit', async (transaction) => {
        const many = [message('good'), message(null as never)];
        await expect(queue.enqueue(many, transaction)).rejects.toMatchObject({ name: 'MultiOutboxError' });
      });
      // After the failure some databases let a transaction commit, others do not.
      await ended.catch(() => {});
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0 });
    });

    test('Q3: without a transaction it is refused, and nothing is stored', async () => {
      const { queue, address } = await scene.queue('outbox');
      await scene.stage.withoutTransaction(address, async (idle) => {
        const transaction = scene.stage.asQueries(idle);
        for (let round = 1; round <= 2; round++)
          await expect(queue.enqueue([message('A')], transaction)).rejects.toMatchObject({
            code: 'TRANSACTION_NOT_OPEN',
            tenantId: address.id,
          });
      });
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0 });
    });

    test('Q3: when its `id` tells that the transaction of the call has ended, it is refused, and nothing is stored', async () => {
      const { queue, address } = await scene.queue('outbox');
      await within(address, 'commit', async (queries) => {
        let open: number | undefined = 1;
        const transaction: SqlTransaction = { ...queries, id: () => open };
        const mark = markTransaction(transaction);
        const enqueue = (payload: string) => queue.enqueue([message(payload)], transaction, mark);
        for (const now of [2, undefined]) {
          open = now;
          await expect(enqueue('stray')).rejects.toMatchObject({
            code: 'TRANSACTION_NOT_OPEN',
            tenantId: address.id,
          });
        }
        open = 1;
        await enqueue('own');
      });
      expect(payloads((await take(queue)).messages)).toEqual(['own']);
    });

    test('Q3: another tenant’s transaction is refused, and can go on', async () => {
      const { queue } = await scene.queue('outbox');
      const other = await scene.queue('outbox');
      await within(other.address, 'commit', async (transaction) => {
        await expect(queue.enqueue([message('stray')], transaction)).rejects.toMatchObject({
          code: 'WRONG_DATABASE',
        });
        await other.queue.enqueue([message('own')], transaction);
      });
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 0 });
      expect(payloads((await take(other.queue)).messages)).toEqual(['own']);
    });

    test('Q3: a query that does not return rows is refused', async () => {
      const { queue } = await scene.queue('outbox');
      await expect(
        queue.enqueue([message('A')], { query: async () => ({ rows: [] }) }),
      ).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('return the rows as an array'),
      });
    });

    test('F7: its commit is noticed', async () => {
      const { queue, address } = await scene.queue('outbox');
      const letter = message('A');
      const { committed } = await within(address, 'commit', async (transaction) => {
        await queue.enqueue([letter], transaction);
        return { committed: queue.committed(transaction, letter.messageId) };
      });
      expect(await committed).toBe(true);
    });

    test('Q3: the statement of a message stores it in the transaction that runs it, a duplicate once', async () => {
      const { queue, address } = await scene.queue('outbox');
      const letters = ['A', 'B'].map((payload) =>
        message(payload, { dedupKey: 'd', orderingKey: 'K', headers: { a: 'b' }, correlationId: 'c' }),
      );
      for (const end of ['rollback', 'commit'] as const)
        await within(address, end, async (transaction) => {
          for (const letter of letters) await execute(queue, transaction, letter);
          await execute(queue, transaction, message('C', { orderingKey: 'K' }));
          await execute(queue, transaction, message('later', { dueInMs: 3_600_000 }));
        });
      await expect(queue.statistics()).resolves.toMatchObject({ ready: 3, blocked: 1, due: 1 });
      const { messages } = await take(queue);
      expect(messages).toMatchObject([
        { payload: 'A', dedupKey: 'd', headers: { a: 'b' }, correlationId: 'c' },
        { payload: 'C' },
      ]);
    });
  });
}
