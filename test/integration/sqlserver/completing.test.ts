/**
 * T1, Q6: a handler's transaction between the settling of its message and its commit. The tests show which calls wait
 * for it, and what becomes of the message when another run begins meanwhile. Needs a server; see
 * test/support/sqlserver.ts.
 */
import * as mssql from 'mssql';
import type { Engine } from '../../../src/engine/engine.ts';
import { MessageStatus } from '../../../src/engine/message.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import {
  begin,
  type ClaimedRun,
  done,
  finish,
  keep,
  message,
  payloads,
  settle,
  stored,
  take,
  takeAfterCrash,
} from '../../conformance/run.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

describeOnServer(`between a message's settling and the commit, on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let engine: Engine;
  let name: string;
  let pool: mssql.ConnectionPool;
  let queue: WorkQueue;
  const open: mssql.Transaction[] = [];

  beforeEach(async () => {
    name = await databases.take('tenant');
    engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: databases.connectionString },
    });
    pool = await databases.pool(name);
    queue = engine.openTenant(tenantAddress(name)).queue('outbox');
  }, 120_000);

  afterEach(async () => {
    for (const transaction of open.splice(0)) await transaction.rollback().catch(() => {});
    await engine.close();
    await databases.giveBack(name);
  }, 120_000);

  afterAll(() => databases.dispose(), 120_000);

  /** Settles a message of the run in a transaction of its own, and leaves it open. */
  async function completing(
    { lease, messages }: ClaimedRun,
    { nth = 0, before = async () => {} }: { nth?: number; before?: () => Promise<unknown> } = {},
  ): Promise<mssql.Transaction> {
    const transaction = new mssql.Transaction(pool);
    await transaction.begin();
    open.push(transaction);
    await before();
    const { recordset } = await transaction
      .request()
      .input('Sequence', mssql.BigInt, messages[nth]!.sequence)
      .input('MessageId', mssql.UniqueIdentifier, messages[nth]!.messageId)
      .input('Fence', mssql.BigInt, lease.fence)
      .input('AcquisitionId', mssql.UniqueIdentifier, lease.acquisitionId)
      .execute('messaging.Outbox_Complete');
    expect(recordset).toEqual([{ Settled: true }]);
    return transaction;
  }

  async function asksAgain({ lease, messages }: ClaimedRun): Promise<boolean> {
    const { recordset } = await pool
      .request()
      .input('Sequence', mssql.BigInt, messages[0]!.sequence)
      .input('MessageId', mssql.UniqueIdentifier, messages[0]!.messageId)
      .input('Fence', mssql.BigInt, lease.fence)
      .input('AcquisitionId', mssql.UniqueIdentifier, lease.acquisitionId)
      .input('Again', mssql.Bit, true)
      .execute('messaging.Outbox_Complete');
    return recordset[0]!.Settled as boolean;
  }

  /**
   * Whether the call is still unanswered after the server has answered many later ones. The same call has been made
   * before, because some servers compile a procedure at its first call on a connection, which takes long.
   */
  async function waits(call: Promise<unknown>): Promise<boolean> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    call.then(end, end);
    for (let nth = 0; nth < 50; nth++) await pool.request().query('SELECT 1 AS One');
    return !ended;
  }

  test('T1: the run’s calls and other handlers do not wait for the commit', async () => {
    await queue.enqueue(['A', 'B', 'C'].map((payload) => message(payload)));
    const run = await take(queue);
    const [first, second] = [await completing(run), await completing(run, { nth: 1 })];
    expect(await settle(queue, run.lease, [done(run.messages[2]!)], keep)).toMatchObject({
      lease: 'renewed',
      unmatched: [],
    });
    await first.commit();
    await second.rollback();
    expect(await settle(queue, run.lease, run.messages.slice(0, 2).map(done), keep)).toMatchObject({
      unmatched: [run.messages[0]!.sequence],
    });
    expect(await queue.statistics()).toMatchObject({ done: 3, claimed: 0 });
  }, 60_000);

  test.each([
    ['Q10', 'of an ordering group', { orderingKey: 'K' }, false],
    ['Q7', 'that was recovered', {}, true],
  ])(
    '%s: the run’s calls wait for the commit of a message %s',
    async (_, __, fields, isRecovered) => {
      await queue.enqueue([message('A', fields)]);
      const first = await take(queue);
      const run = isRecovered ? await takeAfterCrash(queue) : first;
      await settle(queue, run.lease, [], keep);
      const transaction = await completing(run);
      const renewal = settle(queue, run.lease, [], keep);
      expect(await waits(renewal)).toBe(true);
      await transaction.commit();
      expect(await renewal).toMatchObject({ lease: 'renewed' });
    },
    60_000,
  );

  test.each(['commit', 'rollback'] as const)(
    'T1: the question whether it was committed waits for the transaction’s end (%s)',
    async (end) => {
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const transaction = await completing(run, { before: () => asksAgain(run) });
      const answer = asksAgain(run);
      expect(await waits(answer)).toBe(true);
      await transaction[end]();
      expect(await answer).toBe(end === 'commit');
    },
    60_000,
  );

  test('Q6: a run begins during the transaction; rolled back, the message is returned to Ready', async () => {
    const [letter, other] = [message('A'), message('B')];
    await queue.enqueue([letter, other]);
    const crashed = await take(queue);
    const transaction = await completing(crashed);
    const next = takeAfterCrash(queue);
    expect(await waits(next)).toBe(true);
    await transaction.rollback();
    const run = await next;
    expect(run).toMatchObject({ recovered: 2, messages: [{ payload: 'A', attempt: 2, recovered: true }] });
    expect((await finish(queue, run)).map(payloads)).toEqual([['A'], ['B']]);
    expect(await queue.statistics()).toMatchObject({ done: 2, claimed: 0, ready: 0 });
  }, 60_000);

  test('Q6: a run begins during the transaction; committed, the message is Done and is not run again', async () => {
    const [letter, other] = [message('A'), message('B')];
    await queue.enqueue([letter, other]);
    const crashed = await take(queue);
    const transaction = await completing(crashed);
    const next = takeAfterCrash(queue);
    expect(await waits(next)).toBe(true);
    await transaction.commit();
    const run = await next;
    expect(run).toMatchObject({ recovered: 1, messages: [{ payload: 'B', attempt: 2, recovered: true }] });
    expect((await finish(queue, run)).map(payloads)).toEqual([['B']]);
    expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Done, attempts: 1 });
  }, 60_000);

  test.each([
    ['commit', { status: 'idle', recovered: 0 }],
    ['rollback', { status: 'claimed', recovered: 1 }],
  ] as const)(
    'Q6, Q9: with no other message, a run is not told that the tenant is idle before the transaction’s end (%s)',
    async (end, expected) => {
      await queue.enqueue([message('A')]);
      const crashed = await take(queue);
      const transaction = await completing(crashed);
      // The lease is free, so the next run looks first whether the tenant is idle.
      await engine.openTenant(tenantAddress(name)).leases.release(crashed.lease);
      const next = begin(queue, { owner: 'host-2' });
      expect(await waits(next)).toBe(true);
      await transaction[end]();
      expect(await next).toMatchObject(expected);
    },
    60_000,
  );
});
