/** The raw loop on a tenant's file: plain prepared statements of node:sqlite on the engine's own table. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { RawExtra, RawMessage, RawTenant } from '../place.ts';

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
    drain: async (batch, handle, extra) => drain(database, batch, handle, extra),
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

/** The same as the engine's, so that the two differ only in the rest of their work. */
const unblockSql = `UPDATE Outbox SET Blocked = 0
  WHERE Blocked = 1 AND Sequence IN (SELECT (SELECT Head.Sequence FROM Outbox AS Head INDEXED BY Outbox_Group
      WHERE Head.OrderingKey = Settled.OrderingKey AND Head.InGroup = 1 ORDER BY Head.Sequence LIMIT 1)
    FROM Outbox AS Settled INDEXED BY Outbox_Settled
    WHERE Settled.Status = 2 AND Settled.SettledUtc = ? AND Settled.OrderingKey IS NOT NULL)`;

/** Takes a lease; returns a function that renews it. */
function prepareLease(database: DatabaseSync): (now: number) => void {
  const owner = 'raw';
  let callId = 0;
  database.prepare("INSERT INTO Leases (Name, Owner, Fence, CallId) VALUES ('raw', ?, 1, 0)").run(owner);
  const renew = database.prepare(
    "UPDATE Leases SET RenewedUtc = ?, ExpiresUtc = ?, CallId = ? WHERE Name = 'raw' AND Owner = ? AND Fence = 1 AND CallId = ?",
  );
  return (now) => {
    const { changes } = renew.run(now, now + 60_000, callId + 1, owner, callId);
    if (changes !== 1) throw new Error('The raw loop has lost its lease.');
    callId++;
  };
}

/**
 * Each step is one transaction, as in the engine: it settles the handled batch and claims the next one. It runs three
 * statements for any batch size, the fastest form tried (others: row by row, a list of sequences, UPDATE … RETURNING). With a
 * parameter by itself as its LIMIT, SQLite would prepare the claim again in each step.
 */
function drain(
  database: DatabaseSync,
  batch: number,
  handle: (message: RawMessage) => void,
  extra?: RawExtra,
): number {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const claim = database.prepare(claimSql);
  const read = database.prepare(readSql);
  const settle = database.prepare(
    `UPDATE Outbox SET Status = 2, SettledUtc = ?, ClaimFence = NULL${extra === 'keys' ? ', InGroup = 0' : ''} WHERE Status = 1`,
  );
  const unblock = extra === 'keys' ? database.prepare(unblockSql) : undefined;
  const renew = extra === 'lease' ? prepareLease(database) : undefined;
  let total = 0;
  let claimed: RawMessage[] = [];
  let now = 0;
  do {
    begin.run();
    // The messages of one step are found by the time at which they were settled.
    now = Math.max(now + 1, Date.now());
    renew?.(now);
    if (claimed.length > 0) {
      settle.run(now);
      unblock?.run(now);
    }
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
