/** The functions of docs/coming-from.md for NServiceBus, run by a user's program. Needs a server; see test/support/sqlserver.ts. */
import { writeFileSync } from 'node:fs';
import { blockOf, UserProject } from '../../support/documents.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';
import { OldOutboxes } from './old-outboxes.ts';

// A busy server takes minutes to create a database.
jest.setTimeout(300_000);

describeOnServer(`coming from NServiceBus (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const outboxes = new OldOutboxes(databases);
  const { batch, query, stored, cancel } = outboxes;
  let project: UserProject;
  beforeAll(async () => {
    project = new UserProject();
    await outboxes.create();
  });
  afterAll(async () => {
    project?.remove();
    await databases.dispose();
  });

  test('NServiceBus: the operations of rows that are not dispatched are moved with their delays, in one transaction with their marks; a row goes back once, with what was ended', async () => {
    const inTwoDays = new Date(Date.now() + 48 * 3_600_000).toISOString();
    const types = {
      'NServiceBus.EnclosedMessageTypes': 'Shop.OrderPlaced, Shop, Version=1.0.0.0;Shop.IEvent, Shop',
    };
    const operation = (index: number, text: string, options: object = {}, typed: object = types) => ({
      MessageId: `sent-${index}`,
      Options: options,
      Body: Buffer.from(text).toString('base64'),
      Headers: { ...typed, 'NServiceBus.CorrelationId': '7' },
    });
    const operations = JSON.stringify([
      operation(0, '{"order":"é"}'),
      operation(1, '2', { DelayDeliveryFor: '1.02:00:00.5000000' }),
      operation(2, '3', { DeliverAt: '2026-01-31 12:00:00:000000 Z' }),
      operation(3, '4', { DeliverAt: `${inTwoDays.replace('T', ' ').slice(0, 19)}:000000 Z` }, {}),
    ]);
    // NServiceBus pads what is short with blanks.
    await batch(`INSERT dbo.Shop_OutboxData (MessageId, Dispatched, PersistenceVersion, Operations) VALUES
      (N'incoming 1', 0, '8.0.0', N'${operations.padEnd(4_001)}'), (N'incoming 2', 1, '8.0.0', N'[]')`);
    const open = async () =>
      (
        await query(
          'SELECT MessageId, Operations, DispatchedAt FROM dbo.Shop_OutboxData WHERE Dispatched = 0',
        )
      ).map(({ MessageId, Operations, DispatchedAt }) => [
        MessageId,
        JSON.parse(Operations).map((operation: { MessageId: string }) => operation.MessageId),
        DispatchedAt,
      ]);
    const moved = { Topic: 'Shop.OrderPlaced', CorrelationId: '7', IsDelayed: 0 };
    const forth = blockOf('docs/coming-from.md', 'js', 'from-nservicebus');
    const back = blockOf('docs/coming-from.md', 'js', 'back-to-nservicebus');
    writeFileSync(project.file('from-nservicebus.mjs'), forth.code);
    writeFileSync(project.file('back-to-nservicebus.mjs'), back.code);
    writeFileSync(
      project.file('main.mjs'),
      `import mssql from 'mssql';
      import { createMultiOutbox } from 'multi-outbox';
      import { moveBackToNServiceBus } from './back-to-nservicebus.mjs';
      import { moveFromNServiceBus } from './from-nservicebus.mjs';
      const tenants = [{ id: 'shop', database: '${outboxes.database}', auth: { kind: 'setting', name: '${tenantsSetting}' } }];
      const multiOutbox = createMultiOutbox({ tenants, handlers: [] });
      const config = mssql.ConnectionPool.parseConnectionString(process.env.${tenantsSetting} + ';Database=${outboxes.database}');
      const pool = await new mssql.ConnectionPool({ ...config, requestTimeout: 120_000 }).connect(); // a busy server
      const table = 'dbo.Shop_OutboxData';
      const ways = {
        forth: () => moveFromNServiceBus(pool, multiOutbox.outbox('shop'), table),
        back: () => moveBackToNServiceBus(pool, table),
      };
      for (let n = 0; n < 2; n++) console.log(await ways[process.argv[2]]());
      await pool.close();
      await multiOutbox.close();`,
    );
    project.env[tenantsSetting] = databases.connectionString;
    const twice = async (way: 'forth' | 'back') => (await project.node('main.mjs', way)).stdout;
    expect(await twice('forth')).toBe('4\n0\n');
    expect(await open()).toEqual([]);
    await expectMoved();
    await cancel('2', '3');
    expect(await twice('back')).toBe('1\n0\n');
    expect(await open()).toEqual([['incoming 1', ['sent-1', 'sent-2'], null]]);
    // Forth once more: the messages are here now, whatever the rows of their first time here say.
    expect(await twice('forth')).toBe('2\n0\n');
    expect(await twice('back')).toBe('0\n0\n');
    // And one of them back once more. Then NServiceBus dispatches it.
    await cancel('3');
    expect(await twice('back')).toBe('1\n0\n');
    expect(await open()).toEqual([['incoming 1', ['sent-2'], null]]);
    await batch(
      `UPDATE dbo.Shop_OutboxData SET Dispatched = 1, DispatchedAt = GETUTCDATE(), Operations = N'[]' WHERE MessageId = N'incoming 1'`,
    );
    expect(await twice('back')).toBe('0\n0\n');

    async function expectMoved(): Promise<void> {
      expect(await stored()).toEqual([
        { ...moved, Payload: '{"order":"é"}', MovedFrom: 'dbo.Shop_OutboxData/sent-0' },
        { ...moved, Payload: '2', MovedFrom: 'dbo.Shop_OutboxData/sent-1', IsDelayed: 1 },
        { ...moved, Payload: '3', MovedFrom: 'dbo.Shop_OutboxData/sent-2' },
        { ...moved, Topic: 'untyped', Payload: '4', MovedFrom: 'dbo.Shop_OutboxData/sent-3', IsDelayed: 1 },
      ]);
      const hours =
        await query(`SELECT CAST(ROUND(DATEDIFF(second, EnqueuedUtc, DueUtc) / 3600.0, 0) AS int) AS Hours
      FROM messaging.Outbox WHERE DueUtc > EnqueuedUtc ORDER BY Sequence`);
      expect(hours).toEqual([{ Hours: 26 }, { Hours: 48 }]);
    }
  });
});
