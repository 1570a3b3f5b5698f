/** The raw loop on a tenant's file: plain prepared statements of node:sqlite on the engine's own table. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { RawMessage, RawTenant } from '../place.ts';

/** The messages of the benchmarks have no delay, so one index has them all. */
const due = `Outbox INDEXED BY Outbox_Due
  WHERE Status = 0 AND Blocked = 0 AND DueUtc <= coalesce(DueSetUtc, EnqueuedUtc) AND DueUtc <= ?`;

export function openRawTenant(file: string): RawTenant {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = FULL');
  let statements: InsertStatements | undefined;
  return {
    connection: database,
    async probe() {
      return database.prepare(`SELECT 1 FROM ${due} LIMIT 1`).get(Date.now()) !== undefined;
    },
    drain: async (batch, handle) => drain(database, batch, handle),
    drainInTransactions: async (batch, handle) => drainInTransactions(database, batch, handle),
    async insert(messages) {
      statements ??= prepareInsert(database);
      const isOurs = !database.isTransaction;
      if (isOurs) statements.begin.run();
      const now = Date.now();
      for (const { messageId, topic, payload } of messages) {
        statements.insert.run(messageId, topic, now, now, payload);
      }
      if (isOurs) statements.commit.run();
    },
    begin: async () => database.exec('BEGIN IMMEDIATE'),
    commit: async () => database.exec('COMMIT'),
    close: async () => database.close(),
  };
}

interface InsertStatements {
  readonly begin: StatementSync;
  readonly insert: StatementSync;
  readonly commit: StatementSync;
}

function prepareInsert(database: DatabaseSync): InsertStatements {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    insert: database.prepare(
      'INSERT INTO Outbox (MessageId, Topic, EnqueuedUtc, DueUtc, Payload) VALUES (?, ?, ?, ?, ?)',
    ),
    commit: database.prepare('COMMIT'),
  };
}

const claimSql = `UPDATE Outbox SET Status = 1, Attempts = Attempts + 1, ClaimFence = 1 WHERE Sequence IN (
    SELECT Sequence FROM ${due}
    ORDER BY DueUtc, Sequence LIMIT ? + 0)`;
const readSql = `SELECT Sequence, MessageId AS messageId, Topic AS topic, CorrelationId, OrderingKey, EnqueuedUtc, DueUtc, Attempts,
    Headers, Payload AS payload FROM Outbox WHERE Status = 1`;

/**
 * Each step is one transaction, as in the engine: it settles the handled batch and claims the next one. It runs three
 * statements for any batch size, the fastest form tried (others: row by row, a list of sequences, UPDATE … RETURNING). With a
 * parameter by itself as its LIMIT, SQLite would prepare the claim again in each step.
 */
function drain(database: DatabaseSync, batch: number, handle: (message: RawMessage) => void): number {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const claim = database.prepare(claimSql);
  const read = database.prepare(readSql);
  const settle = database.prepare(
    'UPDATE Outbox SET Status = 2, SettledUtc = ?, ClaimFence = NULL WHERE Status = 1',
  );
  let total = 0;
  let claimed: RawMessage[] = [];
  do {
    begin.run();
    const now = Date.now();
    if (claimed.length > 0) settle.run(now);
    claim.run(now, batch);
    claimed = read.all() as unknown as RawMessage[];
    commit.run();
    for (const message of claimed) handle(message);
    total += claimed.length;
  } while (claimed.length > 0);
  return total;
}

/** A claim is one transaction, and each message another one, which handles and settles it. */
function drainInTransactions(
  database: DatabaseSync,
  batch: number,
  handle: (message: RawMessage) => void,
): number {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const claim = database.prepare(claimSql);
  const read = database.prepare(readSql);
  const settle = database.prepare(
    'UPDATE Outbox SET Status = 2, SettledUtc = ?, ClaimFence = NULL WHERE Sequence = ? AND Status = 1',
  );
  let total = 0;
  for (;;) {
    begin.run();
    claim.run(Date.now(), batch);
    const claimed = read.all() as unknown as (RawMessage & { readonly Sequence: number })[];
    commit.run();
    if (claimed.length === 0) return total;
    for (const message of claimed) {
      begin.run();
      handle(message);
      settle.run(Date.now(), message.Sequence);
      commit.run();
    }
    total += claimed.length;
  }
}
