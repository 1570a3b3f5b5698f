/**
 * Q3: producers that wait for each other, and producers with session options of their own. Needs a server; see
 * test/support/sqlserver.ts.
 */
import { randomUUID } from 'node:crypto';
import * as mssql from 'mssql';
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

describeOnServer(`producers on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let engine: Engine;
  let pool: mssql.ConnectionPool;
  let database: TenantDatabase;

  beforeAll(async () => {
    const name = await databases.take('tenant');
    engine = createSqlServerEngine({ env: { [tenantsSetting]: databases.connectionString } });
    database = engine.openTenant(tenantAddress(name, 'acme'));
    pool = await databases.pool(name);
  }, 120_000);

  afterAll(async () => {
    await engine?.close();
    await databases.dispose();
  }, 120_000);

  const message = (dedupKey: string) => ({ messageId: randomUUID(), topic: 't', payload: 'x', dedupKey });

  test('Q3: who waits for another producer’s dedup key is told so, and stores nothing; a caller’s shorter limit stays', async () => {
    const queue = database.queue('outbox');
    const first = new mssql.Transaction(pool);
    const second = new mssql.Transaction(pool);
    await first.begin();
    await second.begin();
    await queue.enqueue([message('k')], first);
    const refusal = {
      code: 'DATABASE_LOCKED',
      tenantId: 'acme',
      transient: true,
      message: expect.stringContaining(
        'another open transaction has stored a message with the same dedup key',
      ),
    };
    await second.request().batch('SET LOCK_TIMEOUT 100');
    await Promise.all([
      expect(queue.enqueue([message('k')], second)).rejects.toMatchObject(refusal),
      expect(queue.enqueue([message('k')])).rejects.toMatchObject(refusal),
      expect(queue.enqueue([message('k'), message('l')])).rejects.toMatchObject(refusal),
    ]);
    // Some servers have ended it with the error.
    await second.rollback().catch(() => {});
    await first.commit();
    expect(await queue.statistics()).toMatchObject({ ready: 1 });
    expect(await queue.enqueue([message('k')])).toMatchObject([{ status: 'duplicate' }]);
  }, 60_000);

  test.each([
    ['ANSI_WARNINGS OFF'],
    ['ARITHABORT OFF'],
    ['ANSI_PADDING OFF'],
    ['CONCAT_NULL_YIELDS_NULL OFF'],
    ['NUMERIC_ROUNDABORT ON'],
    ['QUOTED_IDENTIFIER OFF'],
    ['ANSI_NULLS OFF'],
  ])(
    'Q3: a producer whose session has %s stores its messages',
    async (option) => {
      const one = new mssql.Transaction(pool);
      await one.begin();
      const run = (sql: string) => one.request().batch(sql);
      try {
        await run(`SET ${option}`);
      } catch {
        // No producer of this server can have the option.
        await one.rollback().catch(() => {});
        return;
      }
      await run(`EXEC messaging.Outbox_Enqueue @Topic = N't', @Payload = N'x', @DedupKey = N'${option}'`);
      await run(
        `EXEC messaging.Outbox_EnqueueMany @Messages = N'[{"ordinal":0,"topic":"t"}]', @Payloads = N'["x"]'`,
      );
      await run(`SET ${option.replace(/(ON|OFF)$/, (was) => (was === 'ON' ? 'OFF' : 'ON'))}`);
      const { recordset } = await run(`SELECT COUNT(*) AS Stored FROM messaging.Outbox WHERE Payload = N'x'`);
      await one.rollback();
      // Two messages of this test, and one of the test above.
      expect(Number(recordset[0]!.Stored)).toBe(3);
    },
    60_000,
  );
});
