/**
 * The scripts of docs/coming-from.md, on tables with the columns that the public sources of each library give them. Needs a
 * server; see test/support/sqlserver.ts.
 */
import { writeFileSync } from 'node:fs';
import mssql from 'mssql';
import { blockOf, UserProject } from '../../support/documents.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';

// A busy server takes minutes to create a database.
jest.setTimeout(300_000);

const tables = {
  own: `CREATE TABLE dbo.Outbox (Id uniqueidentifier NOT NULL PRIMARY KEY, Type nvarchar(200) NOT NULL, Payload nvarchar(max) NOT NULL,
    CreatedUtc datetime2 NOT NULL, ProcessedUtc datetime2 NULL)`,
  cap: `CREATE TABLE cap.Published (Id bigint NOT NULL PRIMARY KEY, Version nvarchar(20) NOT NULL, Name nvarchar(200) NOT NULL,
    Content nvarchar(max) NULL, Retries int NOT NULL, Added datetime2 NOT NULL, ExpiresAt datetime2 NULL, StatusName nvarchar(50) NOT NULL)`,
  outboxState: `CREATE TABLE dbo.OutboxState (OutboxId uniqueidentifier NOT NULL PRIMARY KEY, LockId uniqueidentifier NOT NULL,
    RowVersion varbinary(8) NULL, Created datetime2 NOT NULL, Delivered datetime2 NULL, LastSequenceNumber bigint NULL)`,
  outboxMessage: `CREATE TABLE dbo.OutboxMessage (SequenceNumber bigint IDENTITY NOT NULL PRIMARY KEY, EnqueueTime datetime2 NULL,
    SentTime datetime2 NOT NULL, Headers nvarchar(max) NULL, Properties nvarchar(max) NULL, InboxMessageId uniqueidentifier NULL,
    InboxConsumerId uniqueidentifier NULL, OutboxId uniqueidentifier NULL REFERENCES dbo.OutboxState (OutboxId), MessageId uniqueidentifier NOT NULL,
    ContentType nvarchar(256) NOT NULL, MessageType nvarchar(max) NOT NULL, Body nvarchar(max) NOT NULL, ConversationId uniqueidentifier NULL,
    CorrelationId uniqueidentifier NULL, InitiatorId uniqueidentifier NULL, RequestId uniqueidentifier NULL, SourceAddress nvarchar(256) NULL,
    DestinationAddress nvarchar(256) NULL, ResponseAddress nvarchar(256) NULL, FaultAddress nvarchar(256) NULL, ExpirationTime datetime2 NULL)`,
  outboxData: `CREATE TABLE dbo.Shop_OutboxData (MessageId nvarchar(200) NOT NULL PRIMARY KEY, Dispatched bit NOT NULL DEFAULT 0,
    DispatchedAt datetime NULL, PersistenceVersion varchar(23) NOT NULL, Operations nvarchar(max) NOT NULL)`,
  job: `CREATE TABLE HangFire.Job (Id bigint IDENTITY NOT NULL PRIMARY KEY, StateId bigint NULL, StateName nvarchar(20) NULL,
    InvocationData nvarchar(max) NOT NULL, Arguments nvarchar(max) NOT NULL, CreatedAt datetime NOT NULL, ExpireAt datetime NULL)`,
  // Without its foreign key, which Babelfish cannot check outside of the schema dbo.
  state: `CREATE TABLE HangFire.State (Id bigint IDENTITY NOT NULL, JobId bigint NOT NULL, Name nvarchar(20) NOT NULL,
    Reason nvarchar(100) NULL, CreatedAt datetime NOT NULL, Data nvarchar(max) NULL, PRIMARY KEY (JobId, Id))`,
  jobQueue: `CREATE TABLE HangFire.JobQueue (Id bigint IDENTITY NOT NULL, JobId bigint NOT NULL, Queue nvarchar(50) NOT NULL,
    FetchedAt datetime NULL, PRIMARY KEY (Queue, Id))`,
  set: `CREATE TABLE HangFire.[Set] ([Key] nvarchar(100) NOT NULL, Score float NOT NULL, Value nvarchar(256) NOT NULL,
    ExpireAt datetime NULL, PRIMARY KEY ([Key], Value))`,
};

describeOnServer(`coming from another outbox (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let database = '';

  beforeAll(async () => {
    database = await databases.take('tenant');
    await databases.batch(database, 'CREATE SCHEMA cap');
    await databases.batch(database, 'CREATE SCHEMA HangFire');
    await databases.batch(database, ...Object.values(tables));
  });
  afterEach(() => databases.batch(database, 'DELETE messaging.Outbox'));
  afterAll(() => databases.dispose());

  const batch = (...statements: string[]) => databases.batch(database, ...statements);
  const query = async (text: string) =>
    (await new mssql.Request(await databases.pool(database)).batch(text)).recordset;
  const movedBy = async (script: string): Promise<number> => (await query(script))[0].Moved;
  const stored = () =>
    query(`SELECT Topic, Payload, CorrelationId, CASE WHEN DueUtc > EnqueuedUtc THEN 1 ELSE 0 END AS IsDelayed,
      JSON_VALUE(Headers, '$."moved-from"') AS MovedFrom FROM messaging.Outbox ORDER BY Sequence`);
  /** Ends the messages with these payloads with the reason by which the scripts find them. */
  const cancel = (...payloads: string[]) =>
    batch(`DECLARE @Targets nvarchar(max) = (SELECT LOWER(CAST(MessageId AS nvarchar(36))) AS id FROM messaging.Outbox
        WHERE Payload IN (${payloads.map((payload) => `N'${payload}'`).join(', ')}) FOR JSON PATH);
      EXEC messaging.Outbox_Act @Act = N'cancel', @Targets = @Targets, @Reason = N'moved back'`);

  const fromOwnTable = blockOf('docs/coming-from.md', 'sql', 'from-own-table').code;

  test('Q3: a table of one’s own: open messages of the topic are moved once, and a cancelled one goes back once', async () => {
    const ids = [1, 2, 3, 4].map((n) => `00000000-0000-0000-0000-00000000000${n}`);
    await batch(`INSERT dbo.Outbox (Id, Type, Payload, CreatedUtc, ProcessedUtc) VALUES
      ('${ids[0]}', N'order.placed', N'second', '2026-01-02', NULL),
      ('${ids[1]}', N'order.placed', N'first', '2026-01-01', NULL),
      ('${ids[2]}', N'order.placed', N'processed', '2026-01-01', '2026-01-01'),
      ('${ids[3]}', N'other', N'of another topic', '2026-01-01', NULL)`);
    expect([await movedBy(fromOwnTable), await movedBy(fromOwnTable)]).toEqual([2, 0]);
    expect(await stored()).toMatchObject([
      { Topic: 'order.placed', Payload: 'first', MovedFrom: `dbo.Outbox/${ids[1]}` },
      { Topic: 'order.placed', Payload: 'second', MovedFrom: `dbo.Outbox/${ids[0]}` },
    ]);
    await cancel('second');
    const back = blockOf('docs/coming-from.md', 'sql', 'back-to-own-table').code;
    const open = async () =>
      (await query('SELECT Payload FROM dbo.Outbox WHERE ProcessedUtc IS NULL ORDER BY Payload')).map(
        ({ Payload }) => Payload,
      );
    await batch(back);
    expect(await open()).toEqual(['of another topic', 'second']);
    // The old dispatcher processes it, and the script is run again.
    await batch(
      `UPDATE dbo.Outbox SET ProcessedUtc = '2100-01-01' WHERE ProcessedUtc IS NULL AND Type = N'order.placed'`,
    );
    await batch(back);
    expect(await open()).toEqual(['of another topic']);
    // Forth once more: a message that went back can be moved again.
    await batch(`UPDATE dbo.Outbox SET ProcessedUtc = NULL WHERE Id = '${ids[0]}'`);
    expect(await movedBy(fromOwnTable)).toBe(1);
    expect((await stored()).map(({ Payload }) => Payload)).toEqual(['first', 'second', 'second']);
  });

  test('Q3: a message that is refused stays, what comes before it is moved, and the error says why', async () => {
    await batch(`DELETE dbo.Outbox`);
    await batch(`INSERT dbo.Outbox (Id, Type, Payload, CreatedUtc) VALUES
      (NEWID(), N'order.placed', N'good', '2026-01-01'), (NEWID(), N' order.placed', N'a blank', '2026-01-02')`);
    await expect(
      movedBy(fromOwnTable.replace("N'order.placed'", "N'order.placed', N' order.placed'")),
    ).rejects.toThrow(/must not begin or end with a blank/);
    expect((await stored()).map(({ Payload }) => Payload)).toEqual(['good']);
    expect(await query('SELECT Payload FROM dbo.Outbox WHERE ProcessedUtc IS NULL')).toEqual([
      { Payload: 'a blank' },
    ]);
  });

  test('CAP: scheduled, failed and delayed messages are moved, young ones later; CAP publishes one that went back', async () => {
    const content = (value: string) =>
      `{"Headers":{"cap-msg-id":"1","cap-corr-id":"7","cap-callback-name":null},"Value":${value}}`;
    await batch(`INSERT cap.Published (Id, Version, Name, Content, Retries, Added, ExpiresAt, StatusName) VALUES
      (9007199254740993, N'v1', N'order.placed', N'${content('{"order":17}')}', 0, '2026-01-01', NULL, N'Scheduled'),
      (2, N'v1', N'order.placed', N'${content('"Ann"')}', 3, '2026-01-02', '2026-02-01', N'Failed'),
      (3, N'v1', N'order.placed', N'${content('3')}', 0, '2026-01-03', DATEADD(hour, 1, SYSDATETIME()), N'Delayed'),
      (4, N'v1', N'order.placed', N'${content('4')}', 0, SYSDATETIME(), NULL, N'Scheduled'),
      (5, N'v1', N'order.placed', N'${content('5')}', 0, '2026-01-03', '2026-02-01', N'Succeeded'),
      (6, N'v1', N'other', N'${content('6')}', 0, '2026-01-03', NULL, N'Scheduled')`);
    const move = blockOf('docs/coming-from.md', 'sql', 'from-cap').code;
    expect([await movedBy(move), await movedBy(move)]).toEqual([3, 0]);
    const moved = { Topic: 'order.placed', CorrelationId: '7' };
    expect(await stored()).toEqual([
      { ...moved, Payload: expect.any(String), IsDelayed: 0, MovedFrom: 'cap.Published/9007199254740993' },
      { ...moved, Payload: 'Ann', IsDelayed: 0, MovedFrom: 'cap.Published/2' },
      { ...moved, Payload: '3', IsDelayed: 1, MovedFrom: 'cap.Published/3' },
    ]);
    // Some servers write JSON with other blanks.
    expect(JSON.parse((await stored())[0].Payload)).toEqual({ order: 17 });
    await cancel('3');
    const back = blockOf('docs/coming-from.md', 'sql', 'back-to-cap').code;
    await batch(back);
    const open = `SELECT CAST(Id AS varchar(20)) AS Id FROM cap.Published WHERE StatusName = N'Scheduled' ORDER BY Id`;
    expect(await query(open)).toEqual([{ Id: '3' }, { Id: '4' }, { Id: '6' }]);
    // Forth once more: the message is here now, whatever the row of its first time here says.
    expect(await movedBy(move)).toBe(1);
    await batch(back);
    expect(await query(open)).toEqual([{ Id: '4' }, { Id: '6' }]);
    // And back once more.
    await cancel('3');
    await batch(back);
    expect(await query(open)).toEqual([{ Id: '3' }, { Id: '4' }, { Id: '6' }]);
  });

  test('MassTransit: whole outboxes are moved, none of a consumer; one that goes back has only the ended messages', async () => {
    const id = (n: number) => `00000000-0000-0000-0000-00000000000${n}`;
    const body = (message: string) =>
      `{"messageId":"${id(9)}","messageType":["urn:message:Shop:OrderPlaced"],"message":${message}}`;
    const message = (box: string, text: string, due = 'NULL') =>
      `INSERT dbo.OutboxMessage (EnqueueTime, SentTime, OutboxId, MessageId, ContentType, MessageType, Body, CorrelationId)
       VALUES (${due}, SYSUTCDATETIME(), ${box}, NEWID(), N'application/vnd.masstransit+json',
         N'urn:message:Shop:OrderPlaced;urn:message:Shop:IEvent', N'${body(text)}', '${id(7)}')`;
    await batch(
      `INSERT dbo.OutboxState (OutboxId, LockId, Created, Delivered) VALUES
        ('${id(1)}', NEWID(), '2026-01-01', NULL), ('${id(2)}', NEWID(), '2026-01-02', '2026-01-02')`,
      message(`'${id(1)}'`, '1'),
      message(`'${id(1)}'`, '2', 'DATEADD(hour, 1, SYSUTCDATETIME())'),
      message(`'${id(2)}'`, '3'),
      message('NULL', '4'),
    );
    const move = blockOf('docs/coming-from.md', 'sql', 'from-masstransit').code;
    expect([await movedBy(move), await movedBy(move)]).toEqual([2, 0]);
    const moved = { Topic: 'Shop:OrderPlaced', CorrelationId: id(7) };
    expect(await stored()).toEqual([
      { ...moved, Payload: '1', IsDelayed: 0, MovedFrom: 'dbo.OutboxMessage/1' },
      { ...moved, Payload: '2', IsDelayed: 1, MovedFrom: 'dbo.OutboxMessage/2' },
    ]);
    const back = blockOf('docs/coming-from.md', 'sql', 'back-to-masstransit').code;
    const open = () =>
      query(`SELECT CAST(m.SequenceNumber AS int) AS Nth FROM dbo.OutboxMessage m
        JOIN dbo.OutboxState s ON s.OutboxId = m.OutboxId WHERE s.Delivered IS NULL ORDER BY m.SequenceNumber`);
    await cancel('1', '2');
    await batch(back, back);
    expect(await open()).toEqual([{ Nth: 1 }, { Nth: 2 }]);
    // Forth once more, and only one of them back once more.
    expect(await movedBy(move)).toBe(2);
    await cancel('2');
    await batch(back, back);
    expect(await open()).toEqual([{ Nth: 2 }]);
  });

  test('NServiceBus: the operations of rows that are not dispatched are moved with their delays, in one transaction with their marks', async () => {
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
    await batch(`INSERT dbo.Shop_OutboxData (MessageId, Dispatched, PersistenceVersion, Operations) VALUES
      (N'incoming 1', 0, '8.0.0', N'${operations}'), (N'incoming 2', 1, '8.0.0', N'[]')`);
    const project = new UserProject();
    try {
      const { code } = blockOf('docs/coming-from.md', 'js', 'from-nservicebus');
      writeFileSync(project.file('from-nservicebus.mjs'), code);
      writeFileSync(
        project.file('main.mjs'),
        `import mssql from 'mssql';
        import { createMultiOutbox } from 'multi-outbox';
        import { moveFromNServiceBus } from './from-nservicebus.mjs';
        const tenants = [{ id: 'shop', database: '${database}', auth: { kind: 'setting', name: '${tenantsSetting}' } }];
        const multiOutbox = createMultiOutbox({ tenants, handlers: [] });
        const config = mssql.ConnectionPool.parseConnectionString(process.env.${tenantsSetting} + ';Database=${database}');
        const pool = await new mssql.ConnectionPool({ ...config, requestTimeout: 120_000 }).connect(); // a busy server
        for (let n = 0; n < 2; n++)
          console.log(await moveFromNServiceBus(pool, multiOutbox.outbox('shop'), 'dbo.Shop_OutboxData'));
        await pool.close();
        await multiOutbox.close();`,
      );
      project.env[tenantsSetting] = databases.connectionString;
      expect((await project.node('main.mjs')).stdout).toBe('4\n0\n');
    } finally {
      project.remove();
    }
    const moved = { Topic: 'Shop.OrderPlaced', CorrelationId: '7', IsDelayed: 0 };
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
  });

  test('Hangfire: enqueued and scheduled jobs are moved and stay as deleted ones; those fetched stay; a job goes back once', async () => {
    const job = (call: string, state: string, text: string) =>
      `INSERT HangFire.Job (StateName, InvocationData, Arguments, CreatedAt) VALUES (N'${state}', N'${call}', N'${text}', GETUTCDATE())`;
    const short = '{"t":"Shop.Mailer, Shop","m":"Send","p":["System.Int32"]}';
    const long =
      '{"Type":"Shop.Mailer, Shop, Version=1.0.0.0","Method":"Remind","ParameterTypes":"[]","Arguments":null}';
    await batch(
      job(short, 'Enqueued', '["17"]'),
      job(short, 'Processing', '["18"]'),
      job(long, 'Scheduled', '["\\"Ann\\""]'),
      `INSERT HangFire.JobQueue (JobId, Queue, FetchedAt) VALUES
        (1, N'default', NULL), (2, N'default', GETUTCDATE()), (77, N'default', NULL)`, // 77 and 78 have no job
      `INSERT HangFire.[Set] ([Key], Score, Value) VALUES
        (N'schedule', CAST(DATEDIFF(second, '1970-01-01', GETUTCDATE()) AS float) + 3600, N'3'), (N'schedule', 0, N'78'),
        (N'recurring-jobs', 0, N'nightly')`,
    );
    const move = blockOf('docs/coming-from.md', 'sql', 'from-hangfire').code;
    expect([await movedBy(move), await movedBy(move)]).toEqual([2, 0]);
    const moved = { CorrelationId: null };
    expect(await stored()).toEqual([
      { ...moved, Topic: 'Shop.Mailer.Send', Payload: '["17"]', IsDelayed: 0, MovedFrom: 'HangFire.Job/1' },
      {
        ...moved,
        Topic: 'Shop.Mailer.Remind',
        Payload: '["\\"Ann\\""]',
        IsDelayed: 1,
        MovedFrom: 'HangFire.Job/3',
      },
    ]);
    const states = () => query('SELECT StateName FROM HangFire.Job ORDER BY Id');
    expect(await states()).toEqual(['Deleted', 'Processing', 'Deleted'].map((StateName) => ({ StateName })));
    expect(await query('SELECT [Key] FROM HangFire.[Set]')).toEqual([{ Key: 'recurring-jobs' }]);
    await cancel('["17"]');
    const back = blockOf('docs/coming-from.md', 'sql', 'back-to-hangfire').code;
    await batch(back, back);
    expect(await states()).toEqual(['Enqueued', 'Processing', 'Deleted'].map((StateName) => ({ StateName })));
    expect(
      await query('SELECT CAST(JobId AS int) AS JobId FROM HangFire.JobQueue WHERE FetchedAt IS NULL'),
    ).toEqual([{ JobId: 1 }]);
  });
});
