/**
 * The scripts of docs/coming-from.md, on tables with the columns that the public sources of each library give them. Needs a
 * server; see test/support/sqlserver.ts.
 */
import { blockOf } from '../../support/documents.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases } from '../../support/sqlserver-databases.ts';
import { id, massTransitMessage, OldOutboxes, scripts } from './old-outboxes.ts';

// A busy server takes minutes to create a database.
jest.setTimeout(300_000);

describeOnServer(`coming from another outbox (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const outboxes = new OldOutboxes(databases);
  const { batch, query, movedBy, stored, cancel } = outboxes;
  beforeAll(() => outboxes.create());
  afterEach(() => batch('DELETE messaging.Outbox'));
  afterAll(() => databases.dispose());

  test('Q3: a table of one’s own: open messages of the topic are moved once, and a cancelled one goes back once', async () => {
    const ids = [1, 2, 3, 4].map((n) => `00000000-0000-0000-0000-00000000000${n}`);
    await batch(`INSERT dbo.Outbox (Id, Type, Payload, CreatedUtc, ProcessedUtc) VALUES
      ('${ids[0]}', N'order.placed', N'second', '2026-01-02', NULL),
      ('${ids[1]}', N'order.placed', N'first', '2026-01-01', NULL),
      ('${ids[2]}', N'order.placed', N'processed', '2026-01-01', '2026-01-01'),
      ('${ids[3]}', N'other', N'of another topic', '2026-01-01', NULL)`);
    expect([await movedBy(scripts.ownTable), await movedBy(scripts.ownTable)]).toEqual([2, 0]);
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
    expect(await movedBy(scripts.ownTable)).toBe(1);
    expect((await stored()).map(({ Payload }) => Payload)).toEqual(['first', 'second', 'second']);
  });

  test('Q3: a message that is refused stays, what comes before it is moved, and the error says why', async () => {
    await batch(`DELETE dbo.Outbox`);
    await batch(`INSERT dbo.Outbox (Id, Type, Payload, CreatedUtc) VALUES
      (NEWID(), N'order.placed', N'good', '2026-01-01'), (NEWID(), N' order.placed', N'a blank', '2026-01-02')`);
    await expect(
      movedBy(scripts.ownTable.replace("N'order.placed'", "N'order.placed', N' order.placed'")),
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
    expect([await movedBy(scripts.cap), await movedBy(scripts.cap)]).toEqual([3, 0]);
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
    expect(await movedBy(scripts.cap)).toBe(1);
    await batch(back);
    expect(await query(open)).toEqual([{ Id: '4' }, { Id: '6' }]);
    // And back once more.
    await cancel('3');
    await batch(back);
    expect(await query(open)).toEqual([{ Id: '3' }, { Id: '4' }, { Id: '6' }]);
  });

  test('MassTransit: whole outboxes are moved, none of a consumer; one that goes back has only the ended messages', async () => {
    await batch(
      `INSERT dbo.OutboxState (OutboxId, LockId, Created, Delivered) VALUES
        ('${id(1)}', NEWID(), '2026-01-01', NULL), ('${id(2)}', NEWID(), '2026-01-02', '2026-01-02')`,
      massTransitMessage(`'${id(1)}'`, '1'),
      massTransitMessage(`'${id(1)}'`, '2', 'DATEADD(hour, 1, SYSUTCDATETIME())'),
      massTransitMessage(`'${id(2)}'`, '3'),
      massTransitMessage('NULL', '4'),
    );
    expect([await movedBy(scripts.massTransit), await movedBy(scripts.massTransit)]).toEqual([2, 0]);
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
    expect(await movedBy(scripts.massTransit)).toBe(2);
    await cancel('2');
    await batch(back, back);
    expect(await open()).toEqual([{ Nth: 2 }]);
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
