/** The databases of one server on which histories take place. They are emptied after each history and used again. */
import mssql from 'mssql';
import type { QueueName } from '../../../src/engine/work-queue.ts';
import { TestDatabases } from '../../support/sqlserver-databases.ts';
import type { StoredRow } from './ledger.ts';

/** The table to which handlers write in their own transactions. It is emptied with the others of the schema. */
const effectsTable = `IF OBJECT_ID(N'messaging.SimulatedEffects', N'U') IS NULL
  CREATE TABLE messaging.SimulatedEffects (MessageId nvarchar(36) NOT NULL, Attempt int NOT NULL)`;

export interface HeldLease {
  readonly name: string;
  readonly owner: string;
  readonly acquisitionId: string;
}

export class ServerDatabases {
  readonly #databases: TestDatabases;

  /** @param connectionString an ADO connection string of a login that may create databases */
  constructor(connectionString: string) {
    this.#databases = new TestDatabases(connectionString);
  }

  get connectionString(): string {
    return this.#databases.connectionString;
  }

  registry(): Promise<string> {
    return this.#databases.take('registry');
  }

  async tenant(): Promise<string> {
    const name = await this.#databases.take('tenant');
    await this.#databases.batch(name, effectsTable);
    return name;
  }

  giveBack(name: string): Promise<void> {
    return this.#databases.giveBack(name);
  }

  dispose(): Promise<void> {
    return this.#databases.dispose();
  }

  rows(name: string, queue: QueueName): Promise<StoredRow[]> {
    const table = queue === 'outbox' ? 'Outbox' : 'Inbox';
    return this.#query(
      name,
      `SELECT LOWER(CAST(MessageId AS nvarchar(36))) AS messageId, CAST(Sequence AS float) AS sequence,
        OrderingKey AS orderingKey, CAST(Status AS int) AS status, LastError AS lastError
      FROM messaging.${table} ORDER BY Sequence`,
    );
  }

  /** How many effects each message had. */
  async effects(name: string): Promise<Map<string, number>> {
    const rows = await this.#query<{ id: string; count: number }>(
      name,
      'SELECT LOWER(MessageId) AS id, COUNT(*) AS count FROM messaging.SimulatedEffects GROUP BY MessageId',
    );
    return new Map(rows.map(({ id, count }) => [id, count]));
  }

  /** The leases that have an owner and have not run out. */
  leases(name: string): Promise<HeldLease[]> {
    return this.#query(
      name,
      `SELECT Name AS name, Owner AS owner, LOWER(CAST(AcquisitionId AS nvarchar(36))) AS acquisitionId
      FROM messaging.Leases WHERE Owner IS NOT NULL AND ExpiresUtc > SYSUTCDATETIME()`,
    );
  }

  async #query<Row>(name: string, sql: string): Promise<Row[]> {
    const { recordset } = await new mssql.Request(await this.#databases.pool(name)).query<Row>(sql);
    return [...recordset];
  }
}
