/** Q3, Q4: an open transaction of a producer, or of a handler, holds up no procedure. */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import { queueLeaseName } from '../../src/engine/work-queue.ts';
import { begin, message, release, settle, take } from '../conformance/run.ts';
import { databaseOptions } from '../support/sqlserver-options.ts';
import { until } from '../support/until.ts';
import { administer, everyKind, lease, look, produce, queueNames, run } from './every-procedure.ts';
import { type BlockingScene, sessionOf } from './scene.ts';

const topic = 'uncommitted';
/** SQL Server tries to escalate to a table lock from 5,000 locks of a statement on, so this is more. */
const manyRows = 6_000;

/** Without row versions, a plain read waits for uncommitted rows. Only procedures for people use plain reads. */
const testWithRowVersions = databaseOptions().readCommittedSnapshot === true ? test : test.skip;

export function openTransactionsSuite(scene: BlockingScene): void {
  /** Stores messages of each kind in both queues, inside the transaction. */
  async function storeAll(transaction: mssql.Transaction): Promise<void> {
    for (const name of queueNames) {
      const queue = scene.tenant.queue(name);
      for (const messages of everyKind('a key'))
        await queue.enqueue(
          messages.map((each) => ({ ...each, topic })),
          transaction,
        );
      const dedupKey = randomUUID();
      await queue.enqueue([message('first', { topic, dedupKey, hash: '1' })], transaction);
      const conflict = message('other', { topic, dedupKey, hash: '2' });
      expect(await queue.enqueue([conflict], transaction)).toMatchObject([{ status: 'conflict' }]);
      const many = Array.from({ length: manyRows }, (_, nth) => message(`${nth}`, { topic }));
      await queue.enqueue(many, transaction);
    }
  }

  describe('open transactions', () => {
    beforeEach(() => scene.empty());

    test.each(['commit', 'rollback'] as const)(
      'Q4: no call of a run, a producer, a lease or the registry waits for a producer that has yet to %s',
      async (end) => {
        const { tenant, registry, pool } = scene;
        await scene.inTransaction(end, async (producer) => {
          await storeAll(producer);
          await produce(tenant, pool);
          expect(await run(tenant)).not.toContain(topic);
          await lease(tenant.leases);
          await lease(registry.leases);
          await administer(registry, await scene.registryPool());
        });
        for (const name of queueNames) {
          const claimed = await take(tenant.queue(name), { limit: 2 * manyRows });
          const seen = claimed.messages.filter((each) => each.topic === topic);
          expect(seen.length > 0).toBe(end === 'commit');
          await settle(tenant.queue(name), claimed.lease, [], release);
        }
      },
      300_000,
    );

    testWithRowVersions(
      'with READ_COMMITTED_SNAPSHOT, counts and lists for people wait for no producer either',
      async () => {
        await scene.inTransaction('rollback', async (producer) => {
          await storeAll(producer);
          await look(scene.tenant, scene.pool);
        });
      },
      120_000,
    );

    test('Q4: a producer locks rows: no page, and no table', async () => {
      await scene.inTransaction('rollback', async (producer) => {
        await storeAll(producer);
        const { recordset } = await producer.request().query<{ Kind: string; Mode: string }>(`
          SELECT DISTINCT resource_type AS Kind, request_mode AS Mode FROM sys.dm_tran_locks
          WHERE request_session_id = @@SPID AND resource_database_id = DB_ID()
            AND resource_type IN (N'OBJECT', N'PAGE', N'KEY', N'RID')`);
        const held = recordset.map(({ Kind, Mode }) => `${Kind} ${Mode}`);
        expect(held).toContain('KEY X');
        // An intent lock on the table says only that rows in it are locked.
        const intents = ['OBJECT IX', 'OBJECT IS', 'OBJECT Sch-S'];
        expect(held.filter((each) => !each.startsWith('KEY ') && !intents.includes(each))).toEqual([]);
      });
    }, 120_000);

    test('Q3: two producers with different keys do not wait for each other', async () => {
      const queue = scene.tenant.queue('outbox');
      await scene.inTransaction('commit', async (one) => {
        await storeAll(one);
        await scene.inTransaction('commit', async (other) => {
          await storeAll(other);
          await queue.enqueue([message('by itself', { orderingKey: 'a key' })]);
        });
      });
      // Each has 6,000 messages, 7 of other kinds, and one of these is Dead.
      expect((await queue.statistics()).ready).toBe(2 * (manyRows + 7) + 1);
    }, 120_000);

    test.each([
      ['commit', 'duplicate'],
      ['rollback', 'enqueued'],
    ] as const)(
      'Q3: a producer with the dedup key of an open transaction waits for its %s, and then it is %s',
      async (end, status) => {
        const queue = scene.tenant.queue('outbox');
        const dedupKey = randomUUID();
        const first = message('first', { dedupKey });
        const second = message('second', { dedupKey });
        const results = await scene.openTransaction(async (one) => {
          await queue.enqueue([first], one);
          const holder = await sessionOf(one);
          return scene.inTransaction('commit', async (other) => {
            const waiting = queue.enqueue([second], other);
            // The call is awaited below. A failure before that must be reported instead of this one.
            waiting.catch(() => {});
            await until('the second producer waits for the first', () => isHeldUpBy(scene, holder));
            await (end === 'commit' ? one.commit() : one.rollback());
            const stored = await waiting;
            // The error of the unique index has not doomed this transaction.
            await queue.enqueue([message('afterwards')], other);
            return stored;
          });
        });
        expect(results).toEqual([{ messageId: (end === 'commit' ? first : second).messageId, status }]);
        expect((await queue.statistics()).ready).toBe(2);
      },
      60_000,
    );

    test('Q4, T1: producers and new runs do not wait for a handler that has yet to commit its outcome', async () => {
      for (const name of queueNames) {
        const queue = scene.tenant.queue(name);
        await queue.enqueue([message('claimed'), message('claimed too', { orderingKey: 'a key' })]);
        const claimed = await take(queue);
        await scene.inTransaction('rollback', async (handler) => {
          await queue.enqueue([message('by the handler', { orderingKey: 'a key' })], handler);
          const table = name === 'outbox' ? 'Outbox' : 'Inbox';
          const { recordset } = await handler
            .request()
            .input('Sequence', mssql.BigInt(), claimed.messages[0]!.sequence)
            .input('MessageId', mssql.UniqueIdentifier(), claimed.messages[0]!.messageId)
            .input('Fence', mssql.BigInt(), claimed.lease.fence)
            .input('AcquisitionId', mssql.UniqueIdentifier(), claimed.lease.acquisitionId)
            .execute<{ Settled: boolean }>(`messaging.${table}_Complete`);
          expect(recordset).toEqual([{ Settled: true }]);
          for (const messages of everyKind('a key')) await queue.enqueue(messages);
          // `begin` finds that the lease is taken, and does not wait for the lease's row, which the handler has locked.
          expect(await begin(queue, { owner: 'another host' })).toMatchObject({ status: 'leased-elsewhere' });
          const taken = { name: queueLeaseName(name), owner: 'another', durationMs: 1 };
          expect(await scene.tenant.leases.acquire(taken)).toMatchObject({ status: 'leased-elsewhere' });
        });
        await settle(queue, claimed.lease, [], release);
      }
    }, 120_000);
  });
}

/** Whether a session waits for a lock of that session. */
async function isHeldUpBy(scene: BlockingScene, session: number): Promise<boolean> {
  const { recordset } = await scene.pool
    .request()
    .input('Session', mssql.SmallInt(), session)
    .query('SELECT 1 AS One FROM sys.dm_exec_requests WHERE blocking_session_id = @Session');
  return recordset.length > 0;
}
