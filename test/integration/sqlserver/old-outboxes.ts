/** The tables of other outboxes, as their public sources make them, beside a tenant's own, and what tests of docs/coming-from.md do there. */
import mssql from 'mssql';
import { blockOf } from '../../support/documents.ts';
import type { TestDatabases } from '../../support/sqlserver-databases.ts';

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

export const scripts = {
  ownTable: blockOf('docs/coming-from.md', 'sql', 'from-own-table').code,
  cap: blockOf('docs/coming-from.md', 'sql', 'from-cap').code,
  massTransit: blockOf('docs/coming-from.md', 'sql', 'from-masstransit').code,
};

export const id = (n: number) => `00000000-0000-0000-0000-00000000000${n}`;

const massTransitBody = (message: string) =>
  `{"messageId":"${id(9)}","messageType":["urn:message:Shop:OrderPlaced"],"message":${message}}`;
/** The statement that inserts a message of MassTransit. @param box the outbox's id, quoted, or NULL */
export const massTransitMessage = (box: string, text: string, due = 'NULL') =>
  `INSERT dbo.OutboxMessage (EnqueueTime, SentTime, OutboxId, MessageId, ContentType, MessageType, Body, CorrelationId)
   VALUES (${due}, SYSUTCDATETIME(), ${box}, NEWID(), N'application/vnd.masstransit+json',
     N'urn:message:Shop:OrderPlaced;urn:message:Shop:IEvent', N'${massTransitBody(text)}', '${id(7)}')`;

export class OldOutboxes {
  readonly #databases: TestDatabases;
  /** The name of the tenant's database, once it is created. */
  database = '';

  constructor(databases: TestDatabases) {
    this.#databases = databases;
  }

  async create(): Promise<void> {
    this.database = await this.#databases.take('tenant');
    await this.batch('CREATE SCHEMA cap', 'CREATE SCHEMA HangFire', ...Object.values(tables));
  }

  readonly batch = (...statements: string[]) => this.#databases.batch(this.database, ...statements);

  readonly query = async (text: string) =>
    (await new mssql.Request(await this.#databases.pool(this.database)).batch(text)).recordset;

  /** How many messages a script says that it has moved. */
  readonly movedBy = async (script: string): Promise<number> => (await this.query(script))[0].Moved;

  readonly stored = () =>
    this.query(`SELECT Topic, Payload, CorrelationId, CASE WHEN DueUtc > EnqueuedUtc THEN 1 ELSE 0 END AS IsDelayed,
      JSON_VALUE(Headers, '$."moved-from"') AS MovedFrom FROM messaging.Outbox ORDER BY Sequence`);

  /** Ends the messages with these payloads with the reason by which the scripts find them. */
  readonly cancel = (...payloads: string[]) =>
    this.batch(`DECLARE @Targets nvarchar(max) = (SELECT LOWER(CAST(MessageId AS nvarchar(36))) AS id FROM messaging.Outbox
        WHERE Payload IN (${payloads.map((payload) => `N'${payload}'`).join(', ')}) FOR JSON PATH);
      EXEC messaging.Outbox_Act @Act = N'cancel', @Targets = @Targets, @Reason = N'moved back'`);
}
