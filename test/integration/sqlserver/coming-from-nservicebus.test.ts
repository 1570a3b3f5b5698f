/** The functions of docs/coming-from.md for NServiceBus. Needs a server; see test/support/sqlserver.ts. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type mssql from 'mssql';
import { createMultiOutbox, type MultiOutbox } from '../../../src/index.ts';
import { blockOf, root } from '../../support/documents.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';
import { OldOutboxes } from './old-outboxes.ts';

// A busy server takes minutes to create a database.
jest.setTimeout(300_000);

describeOnServer(`coming from NServiceBus (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const outboxes = new OldOutboxes(databases);
  const { batch, query, stored, cancel } = outboxes;
  const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-nservicebus-'));
  let multiOutbox: MultiOutbox;
  beforeAll(async () => {
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
    await outboxes.create();
    process.env[tenantsSetting] = databases.connectionString;
    const auth = { kind: 'setting', name: tenantsSetting } as const;
    multiOutbox = createMultiOutbox({
      tenants: [{ id: 'shop', database: outboxes.database, auth }],
      telemetry: { logToConsole: false },
    });
  });
  afterAll(async () => {
    delete process.env[tenantsSetting];
    rmSync(folder, { recursive: true });
    await multiOutbox?.close();
    await databases.dispose();
  });

  /** The function that a block exports. */
  async function functionOf<Function>(block: { code: string }, name: string): Promise<Function> {
    const file = path.join(folder, `${name}.js`);
    writeFileSync(file, block.code);
    return (await import(file))[name];
  }
  type Pool = mssql.ConnectionPool;
  type Forth = (pool: Pool, outbox: ReturnType<MultiOutbox['outbox']>, table: string) => Promise<number>;
  type Back = (pool: Pool, table: string) => Promise<number>;

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
    const forth = await functionOf<Forth>(
      blockOf('docs/coming-from.md', 'js', 'from-nservicebus'),
      'moveFromNServiceBus',
    );
    const back = await functionOf<Back>(
      blockOf('docs/coming-from.md', 'js', 'back-to-nservicebus'),
      'moveBackToNServiceBus',
    );
    const pool = await databases.pool(outboxes.database);
    const table = 'dbo.Shop_OutboxData';
    const ways = {
      forth: () => forth(pool, multiOutbox.outbox('shop'), table),
      back: () => back(pool, table),
    };
    const twice = async (way: 'forth' | 'back') => [await ways[way](), await ways[way]()];
    expect(await twice('forth')).toEqual([4, 0]);
    expect(await open()).toEqual([]);
    await expectMoved();
    await cancel('2', '3');
    expect(await twice('back')).toEqual([1, 0]);
    expect(await open()).toEqual([['incoming 1', ['sent-1', 'sent-2'], null]]);
    // Forth once more: the messages are here now, whatever the rows of their first time here say.
    expect(await twice('forth')).toEqual([2, 0]);
    expect(await twice('back')).toEqual([0, 0]);
    // And one of them back once more. Then NServiceBus dispatches it.
    await cancel('3');
    expect(await twice('back')).toEqual([1, 0]);
    expect(await open()).toEqual([['incoming 1', ['sent-2'], null]]);
    await batch(
      `UPDATE dbo.Shop_OutboxData SET Dispatched = 1, DispatchedAt = GETUTCDATE(), Operations = N'[]' WHERE MessageId = N'incoming 1'`,
    );
    expect(await twice('back')).toEqual([0, 0]);

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
