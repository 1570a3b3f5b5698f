/**
 * S3: searches for messages that another transaction has locked. Needs a server; see test/support/sqlserver.ts. On a server
 * that ignores lock hints a search that does not wait would see the messages as they were before that transaction.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { Engine } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { queueLeaseName, type WorkQueue } from '../../../src/engine/work-queue.ts';
import { done, message, release, settle, take } from '../../conformance/run.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

describeOnServer(`searches for locked messages, on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let engine: Engine;
  let name: string;
  let queue: WorkQueue;
  let open: mssql.Transaction | undefined;

  beforeEach(async () => {
    name = await databases.take('tenant');
    engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: databases.connectionString },
    });
    queue = engine.openTenant(tenantAddress(name)).queue('outbox');
    // The first run stores the row of the queue's lease.
    await queue.enqueue([message('first')]);
    const { lease, messages } = await take(queue);
    await settle(queue, lease, messages.map(done), release);
    // A server may take long to compile a procedure at its first call.
    await queue.find({}, { limit: 1, examine: 1, waits: true });
    await queue.get(randomUUID());
  }, 120_000);

  afterEach(async () => {
    await open?.rollback().catch(() => {});
    await engine.close();
    await databases.giveBack(name);
  }, 120_000);

  afterAll(() => databases.dispose(), 120_000);

  /** Locks the row of the queue's lease, as each call that changes messages does first, and then makes the change. */
  async function changing(change: string, messageId: string): Promise<mssql.Transaction> {
    const transaction = new mssql.Transaction(await databases.pool(name));
    await transaction.begin();
    open = transaction;
    await transaction
      .request()
      .input('Lease', mssql.NVarChar, queueLeaseName('outbox'))
      .query(`UPDATE messaging.Leases WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE Name = @Lease`);
    await transaction.request().input('Id', mssql.UniqueIdentifier, messageId).query(change);
    return transaction;
  }

  /** The call's answer, which must come only after the transaction has ended. */
  async function answerAfter<T>(end: () => Promise<void>, call: () => Promise<T>): Promise<T> {
    let isEnded = false;
    const answer = call().then((result) => {
      expect(isEnded).toBe(true);
      return result;
    });
    answer.catch(() => {});
    // Another connection has been served meanwhile, so the call has had its chance.
    for (let nth = 0; nth < 20; nth++) await queue.statistics();
    isEnded = true;
    await end();
    return answer;
  }

  const attempts = 'UPDATE messaging.Outbox SET Attempts = 7 WHERE MessageId = @Id';

  test.each(['commit', 'rollback'] as const)(
    'S3: a search that waits finds what a call has changed, after its %s',
    async (end) => {
      const letter = message('locked');
      await queue.enqueue([letter]);
      for (const filter of [{}, { messageIds: [letter.messageId] }]) {
        const transaction = await changing(attempts, letter.messageId);
        const { messages } = await answerAfter(
          () => transaction[end](),
          () => queue.find({ ...filter, states: ['ready'] }, { limit: 9, examine: 9, waits: true }),
        );
        expect(messages).toMatchObject([{ messageId: letter.messageId, attempts: end === 'commit' ? 7 : 0 }]);
      }
    },
    120_000,
  );

  test('S3: a search that does not wait answers meanwhile', async () => {
    const letter = message('locked');
    await queue.enqueue([letter]);
    await changing(attempts, letter.messageId);
    const { messages } = await queue.find({}, { limit: 9, examine: 9 });
    expect(messages.map(({ attempts: each }) => each)).not.toContain(7);
  }, 120_000);

  test('S3: a look by id finds a message whose id another call has just given to its row', async () => {
    const letter = message('replaced');
    await queue.enqueue([letter]);
    const messageId = randomUUID();
    const rename = `UPDATE messaging.Outbox SET MessageId = '${messageId}' WHERE MessageId = @Id`;
    const transaction = await changing(rename, letter.messageId);
    const found = await answerAfter(
      () => transaction.commit(),
      () => queue.get(messageId),
    );
    expect(found).toMatchObject({ messageId, payload: 'replaced' });
  }, 120_000);
});
