/**
 * Q3, Q4: the scripts of docs/coming-from.md while both outboxes run, and producers have open transactions. Needs a server; see
 * test/support/sqlserver.ts.
 */
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases } from '../../support/sqlserver-databases.ts';
import { id, massTransitMessage, OldOutboxes, scripts } from './old-outboxes.ts';

// A busy server takes minutes to create a database.
jest.setTimeout(300_000);

describeOnServer(`coming from another outbox while both run (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const outboxes = new OldOutboxes(databases);
  const { batch, movedBy, stored } = outboxes;
  beforeAll(() => outboxes.create());
  afterAll(() => databases.dispose());

  /** A producer's insert of the message `n` into each old outbox. */
  const both: Readonly<
    Record<string, { script: string; tables: string[]; insert: (n: number) => string[] }>
  > = {
    'a table of one’s own': {
      script: scripts.ownTable,
      tables: ['dbo.Outbox'],
      insert: (n) => [
        `INSERT dbo.Outbox (Id, Type, Payload, CreatedUtc) VALUES ('${id(n)}', N'order.placed', N'${n}', SYSUTCDATETIME())`,
      ],
    },
    CAP: {
      script: scripts.cap,
      tables: ['cap.Published'],
      insert: (n) => [
        `INSERT cap.Published (Id, Version, Name, Content, Retries, Added, ExpiresAt, StatusName)
         VALUES (${n}, N'v1', N'order.placed', N'{"Headers":{},"Value":${n}}', 0, '2026-01-01', NULL, N'Scheduled')`,
      ],
    },
    MassTransit: {
      script: scripts.massTransit,
      tables: ['dbo.OutboxMessage', 'dbo.OutboxState'],
      insert: (n) => [
        `INSERT dbo.OutboxState (OutboxId, LockId, Created, Delivered) VALUES ('${id(n)}', NEWID(), '2026-01-0${n}', NULL)`,
        massTransitMessage(`'${id(n)}'`, String(n)),
      ],
    },
  };

  test.each(Object.keys(both))(
    'Q3, Q4: %s: while both run, a producer’s open transaction, in the old outbox or here, is waited for by nobody; its message is moved once, after the commit',
    async (name) => {
      const { script, tables, insert } = both[name]!;
      await batch('DELETE messaging.Outbox', ...tables.map((table) => `DELETE ${table}`));
      const pool = await databases.pool(outboxes.database);
      // A wait would fail.
      const move = () => movedBy(`SET LOCK_TIMEOUT 5000;\n${script}\nSET LOCK_TIMEOUT -1;`);
      const payloads = async () => (await stored()).map(({ Payload }) => Payload).sort();
      await batch(...insert(1));
      const producers = [pool.transaction(), pool.transaction(), pool.transaction()] as const;
      for (const producer of producers) await producer.begin();
      const [old, undone, fresh] = producers;
      try {
        for (const statement of insert(2)) await old.request().batch(statement);
        for (const statement of insert(3)) await undone.request().batch(statement);
        await fresh
          .request()
          .batch(`EXEC messaging.Outbox_Enqueue @Topic = N'order.placed', @Payload = N'new'`);
        expect(await move()).toBe(1);
        await old.commit();
        expect(await move()).toBe(1);
        await undone.rollback();
        await fresh.commit();
        expect(await move()).toBe(0);
      } finally {
        for (const producer of producers) await producer.rollback().catch(() => {});
      }
      expect(await payloads()).toEqual(['1', '2', 'new']);
    },
  );
});
