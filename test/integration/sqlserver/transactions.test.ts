/**
 * T1, T3: a handler's transaction whose connection breaks around its commit, or that is still at work on the server when
 * its time is up. Needs a server; see test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import type { LeaseRef } from '../../../src/engine/lease-store.ts';
import { MessageStatus } from '../../../src/engine/message.ts';
import { parseConnectionString } from '../../../src/engine/sqlserver/connection-string.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { parseServer } from '../../../src/engine/sqlserver/server-name.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { release, settle } from '../../conformance/run.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting, without } from '../../support/sqlserver-databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

/** Bytes of the TDS request that commits: the end of its headers, and the number of COMMIT. */
const commit = Buffer.from([1, 0, 0, 0, 7, 0]);
const never = new AbortController().signal;

/** Keeps the server busy for 400 ms. */
const aWhile = `DECLARE @Nth int = 0, @End datetime2(3) = DATEADD(millisecond, 400, SYSUTCDATETIME());
  WHILE @Nth < 1000000 AND SYSUTCDATETIME() < @End SET @Nth = @Nth + 1`;

describeOnServer(`handlers' transactions on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let name: string;
  let proxy: TcpProxy;
  let engine: Engine;
  let database: TenantDatabase;
  let pool: mssql.ConnectionPool;

  beforeAll(async () => {
    const { host, port } = parseServer(parseConnectionString(databases.connectionString)!.server!)!;
    proxy = await TcpProxy.start({ host, port });
    const plain = without(databases.connectionString, /^(server|data source|encrypt)$/i);
    name = await databases.take('tenant');
    engine = createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: `Server=127.0.0.1,${proxy.port};${plain};Encrypt=false` },
      requestTimeoutMs: 5_000,
    });
    database = engine.openTenant(tenantAddress(name, 'acme'));
    pool = await databases.pool(name);
    await databases.batch(name, 'CREATE TABLE dbo.Ledger (Entry varchar(36) NOT NULL)');
  }, 120_000);

  afterAll(async () => {
    await engine?.close();
    await proxy?.close();
    if (name !== undefined) await databases.drop(name);
    await databases.dispose();
  }, 120_000);

  /** A claimed message, and the request that settles it. */
  async function claimed() {
    const queue = database.queue('inbox');
    const messageId: string = randomUUID();
    await queue.enqueue([{ messageId, topic: 't', payload: 'x' }]);
    const claim = { limit: 1, maxBytes: 1_000 };
    const run = await queue.begin({ owner: messageId, durationMs: 60_000, claim });
    if (run.status !== 'claimed') throw new Error('expected a claim');
    const { lease, messages } = run;
    return { queue, lease, messageId, request: { lease, ...messages[0]!, signal: never } };
  }

  const enter = (transaction: unknown, entry: string) =>
    (transaction as mssql.Transaction).request().query(`INSERT dbo.Ledger VALUES ('${entry}')`);

  async function isEntered(entry: string): Promise<boolean> {
    const { recordset } = await pool
      .request()
      .query(`SELECT 1 AS One FROM dbo.Ledger WHERE Entry = '${entry}'`);
    return recordset.length === 1;
  }

  const giveBack = (queue: WorkQueue, lease: LeaseRef) => settle(queue, lease, [], release);

  test.each(['cut', 'stall', 'half-open'] as const)(
    'T1: the answer to the commit is lost (%s), and the database says that it was committed',
    async (how) => {
      const { queue, lease, messageId, request } = await claimed();
      const struck = proxy.strike(commit, how, 'answer');
      await queue.transact(request, (transaction) => enter(transaction, messageId));
      await struck;
      expect(await isEntered(messageId)).toBe(true);
      expect(await queue.get(messageId)).toMatchObject({ status: MessageStatus.Done });
      await giveBack(queue, lease);
    },
    60_000,
  );

  test.each([
    ['its settling', 'Inbox_Complete'],
    ['its commit', commit],
  ])(
    'T1: the connection breaks before %s arrives: all is rolled back, and the message is still ours',
    async (_, words) => {
      const { queue, lease, messageId, request } = await claimed();
      const struck = proxy.strike(words, 'cut', 'request');
      const failed = queue.transact(request, (transaction) => enter(transaction, messageId));
      await expect(failed).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        transient: true,
        tenantId: 'acme',
      });
      await struck;
      expect(await isEntered(messageId)).toBe(false);
      expect(await queue.get(messageId)).toMatchObject({ status: MessageStatus.Claimed });
      await queue.transact(request, (transaction) => enter(transaction, messageId));
      expect(await isEntered(messageId)).toBe(true);
      await giveBack(queue, lease);
    },
    60_000,
  );

  test('T3: a statement that waits on the server at the timeout is rolled back with the rest', async () => {
    const { queue, lease, messageId, request } = await claimed();
    const blocker = new mssql.Transaction(pool);
    await databases.batch(name, "INSERT dbo.Ledger VALUES ('row')");
    await blocker.begin();
    await blocker.request().query("UPDATE dbo.Ledger SET Entry = 'blocked' WHERE Entry = 'row'");
    const stop = new AbortController();
    let waits: Promise<unknown> | undefined;
    const stopped = queue.transact({ ...request, signal: stop.signal }, async (transaction) => {
      await enter(transaction, messageId);
      waits = (transaction as mssql.Transaction).request().query("UPDATE dbo.Ledger SET Entry = 'late'");
      waits.catch(() => {});
      setImmediate(() => stop.abort(new Error('time is up')));
      await waits;
    });
    await until('it waits', () => waits !== undefined);
    // The waiting statement is cancelled; if the server does not answer that, the connection is closed.
    await expect(stopped).rejects.toThrow('time is up');
    await expect(waits).rejects.toMatchObject({ code: expect.stringMatching(/^(ECANCEL|ETIMEOUT)$/) });
    await blocker.rollback();
    expect(await isEntered('late')).toBe(false);
    expect(await isEntered('row')).toBe(true);
    expect(await isEntered(messageId)).toBe(false);
    await giveBack(queue, lease);
  }, 60_000);

  test('T3: a handler that sends statement after statement is stopped in the midst of one', async () => {
    const { queue, lease, messageId, request } = await claimed();
    const stop = new AbortController();
    const ended: unknown[] = [];
    let late = 0;
    const stopped = queue.transact({ ...request, signal: stop.signal }, async (transaction) => {
      await enter(transaction, messageId);
      setTimeout(() => stop.abort(new Error('time is up')), 100);
      try {
        while (late < 20) {
          await (transaction as mssql.Transaction).request().query(aWhile);
          if (stop.signal.aborted) late++;
        }
      } catch (error) {
        ended.push(error);
      }
      await enter(transaction, 'late').catch((error: unknown) => ended.push(error));
    });
    await expect(stopped).rejects.toThrow('time is up');
    await until('the handler has ended', () => ended.length === 2);
    expect(ended).toMatchObject([{ code: 'ECANCEL' }, { name: 'TransactionError' }]);
    expect(late).toBe(0);
    expect(await isEntered(messageId)).toBe(false);
    expect(await isEntered('late')).toBe(false);
    await giveBack(queue, lease);
  }, 60_000);

  test('T3: a prepared statement that a handler has left behind does not keep its transaction open', async () => {
    const { queue, lease, messageId, request } = await claimed();
    const failed = queue.transact(request, async (driver) => {
      await enter(driver, messageId);
      // Borrows the connection as mssql.PreparedStatement does, because not every server here can prepare a statement.
      await new Promise<void>((resolve, reject) => {
        const lender = driver as { acquire(borrower: object, callback: (error: Error | null) => void): void };
        lender.acquire({}, (error) => (error ? reject(error) : resolve()));
      });
      throw new Error('the handler’s own');
    });
    await expect(failed).rejects.toThrow('the handler’s own');
    expect(await isEntered(messageId)).toBe(false);
    // The connection's place in the pool is free again.
    for (let nth = 0; nth < 5; nth++) expect(await queue.statistics()).toMatchObject({ claimed: 1 });
    await queue.transact(request, (transaction) => enter(transaction, messageId));
    expect(await isEntered(messageId)).toBe(true);
    await giveBack(queue, lease);
  }, 60_000);

  test('T1: a handler that ends the transaction itself gets an error that says so', async () => {
    const { queue, lease, request } = await claimed();
    const ended = queue.transact(request, (transaction) => (transaction as mssql.Transaction).rollback());
    await expect(ended).rejects.toMatchObject({ code: 'TRANSACTION_NOT_OPEN' });
    await giveBack(queue, lease);
  });
});
