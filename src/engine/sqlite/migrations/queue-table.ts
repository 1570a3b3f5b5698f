import { isTime } from './checks.ts';

/**
 * The table of one work queue (Q1), the same for the outbox and the inbox.
 *
 * An application in any language may insert into it with plain SQL: Topic and Payload are required; defaults and
 * triggers fill the other columns. Times are milliseconds since 1970, UTC.
 *
 * - Blocked: 1 for a blocked message, which is Ready and waits behind an earlier one of its ordering group. The
 *   indexes of due messages leave it out, so that a long group does not slow a claim down (Q10). 2 for a throttled
 *   message, which is due and waits until its topic has room again (Q4).
 * - InGroup: 1 for a member of an ordering group: a message that is Ready or Claimed, or Dead and blocking its group.
 *   Messages without a key have 1 too; the index of groups leaves them out.
 * - DueSetUtc: when DueUtc was set, if that was after EnqueuedUtc: by a retry, a release with a delay or a replay. After
 *   the clock was set back, it tells which due times are too far ahead (Q16).
 * - An unblocked Ready message is either prompt, due at once when its due time was set, or delayed. Most are prompt and
 *   have one index, Due: there a time later than now shows by itself that the clock was set back. Delayed messages have
 *   an index by due time, Delayed, and one by the time from which the delay counts, DelayedFrom. With one by that time
 *   for all messages, a drain at batch 100 wrote an eighth more to the write-ahead log.
 * - EndReason: why an operator ended the message; null for every other message.
 * - Source: the source of the dedup key, empty for the application's own keys. Hash: identifies the content (I2).
 * - Payload and Headers are the last columns, so that reading a message's state never reads through a long payload.
 *
 * The CHECKs refuse what a claim could not read (Q15), as STRICT refuses a value of another type: integers that
 * JavaScript cannot hold, times in other units than milliseconds, texts longer than SQL Server's columns. They refuse
 * what would wait for ever: a message that is blocked although it has no key, a Ready or Claimed message outside its
 * ordering group, which no search for the group's head finds, and a Done one in it, which would stay its head. They also refuse
 * topics, sources and hashes with a blank at either end, because SQL Server ignores trailing blanks. They call only
 * functions that SQLite has had for long, because other programs use the table with their own SQLite. They do not look
 * at the payload, which would slow every insert down.
 *
 * The triggers keep ordering groups correct when people change rows by hand: a row inserted behind another of its key
 * is blocked, one that is inserted as blocked behind no other is not, and when a row is deleted the next one of its group is unblocked.
 */
export function queueTable(table: string): string {
  const now = "(CAST(unixepoch('subsec') * 1000 AS INTEGER))";
  const isCount = (column: string) => `CHECK (${column} BETWEEN 0 AND 2147483647)`;
  const isFlag = (column: string) => `CHECK (${column} BETWEEN 0 AND 1)`;
  /** 200 characters, or 401 of a conflict's key, have no more bytes; length() would end at a NUL. */
  const isShort = (column: string, bytes = 600) =>
    `CHECK (${column} IS NULL OR length(CAST(${column} AS BLOB)) <= ${bytes})`;
  const isUnblocked = 'Status = 0 AND Blocked = 0';
  const isPrompt = `${isUnblocked} AND DueUtc <= coalesce(DueSetUtc, EnqueuedUtc)`;
  const isDelayed = `${isUnblocked} AND DueUtc > coalesce(DueSetUtc, EnqueuedUtc)`;
  const isTrimmed = (column: string) => `CHECK (${column} IS NULL OR trim(${column}) = ${column})`;
  return `
CREATE TABLE ${table} (
  Sequence INTEGER PRIMARY KEY AUTOINCREMENT CHECK (Sequence BETWEEN 1 AND 9007199254740991),
  MessageId TEXT NOT NULL COLLATE NOCASE DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
    substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))) ${isShort('MessageId')},
  Topic TEXT NOT NULL ${isShort('Topic')} ${isTrimmed('Topic')},
  CorrelationId TEXT ${isShort('CorrelationId')},
  OrderingKey TEXT ${isShort('OrderingKey')},
  DedupKey TEXT ${isShort('DedupKey', 1_203)},
  Source TEXT NOT NULL DEFAULT '' ${isShort('Source')} ${isTrimmed('Source')},
  Hash TEXT ${isShort('Hash')} ${isTrimmed('Hash')},
  EnqueuedUtc INTEGER NOT NULL DEFAULT ${now} ${isTime('EnqueuedUtc')},
  DueUtc INTEGER NOT NULL DEFAULT ${now} ${isTime('DueUtc')},
  DueSetUtc INTEGER ${isTime('DueSetUtc')},
  Status INTEGER NOT NULL DEFAULT 0 CHECK (Status BETWEEN 0 AND 3),
  Attempts INTEGER NOT NULL DEFAULT 0 ${isCount('Attempts')},
  Parks INTEGER NOT NULL DEFAULT 0 ${isCount('Parks')},
  Recovered INTEGER NOT NULL DEFAULT 0 ${isFlag('Recovered')},
  Blocked INTEGER NOT NULL DEFAULT 0 CHECK (Blocked BETWEEN 0 AND 2) CHECK (Blocked <> 1 OR OrderingKey IS NOT NULL),
  InGroup INTEGER NOT NULL DEFAULT 1 ${isFlag('InGroup')} CHECK (InGroup = 1 OR Status >= 2)
    CHECK (InGroup = 0 OR Status <> 2 OR OrderingKey IS NULL),
  ClaimFence INTEGER CHECK (ClaimFence BETWEEN 0 AND 9007199254740991),
  ReplayCount INTEGER NOT NULL DEFAULT 0 ${isCount('ReplayCount')},
  SettledUtc INTEGER ${isTime('SettledUtc')},
  FirstError TEXT,
  LastError TEXT,
  EndReason TEXT ${isShort('EndReason', 1_200)},
  Headers TEXT CHECK (Headers IS NULL OR json_valid(Headers) AND instr(Headers, char(0)) = 0),
  Payload TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX ${table}_MessageId ON ${table} (MessageId);
CREATE UNIQUE INDEX ${table}_DedupKey ON ${table} (DedupKey, Source) WHERE DedupKey IS NOT NULL;
CREATE INDEX ${table}_Due ON ${table} (DueUtc, Sequence) WHERE ${isPrompt};
CREATE INDEX ${table}_Delayed ON ${table} (DueUtc, Sequence) WHERE ${isDelayed};
CREATE INDEX ${table}_DelayedFrom ON ${table} (coalesce(DueSetUtc, EnqueuedUtc)) WHERE ${isDelayed};
CREATE INDEX ${table}_Throttled ON ${table} (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Blocked = 2;
CREATE INDEX ${table}_Parked ON ${table} (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Parks > 0;
CREATE INDEX ${table}_Group ON ${table} (OrderingKey, Sequence) WHERE InGroup = 1 AND OrderingKey IS NOT NULL;
CREATE INDEX ${table}_Claimed ON ${table} (OrderingKey, Sequence) WHERE Status = 1;
CREATE INDEX ${table}_Settled ON ${table} (SettledUtc, Sequence) WHERE Status = 2;
CREATE INDEX ${table}_Dead ON ${table} (SettledUtc, Sequence) WHERE Status = 3;

CREATE TRIGGER ${table}_Inserted AFTER INSERT ON ${table}
WHEN NEW.OrderingKey IS NOT NULL AND NEW.InGroup = 1 AND NEW.Blocked = 0 AND EXISTS (
  SELECT 1 FROM ${table} INDEXED BY ${table}_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE ${table} SET Blocked = 1 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER ${table}_InsertedFirst AFTER INSERT ON ${table}
WHEN NEW.Blocked = 1 AND NEW.Status = 0 AND NEW.InGroup = 1 AND NOT EXISTS (
  SELECT 1 FROM ${table} INDEXED BY ${table}_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE ${table} SET Blocked = 0 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER ${table}_Deleted AFTER DELETE ON ${table}
WHEN OLD.OrderingKey IS NOT NULL AND OLD.InGroup = 1
BEGIN
  UPDATE ${table} SET Blocked = 0
  WHERE Status = 0 AND Blocked = 1 AND Sequence = (
    SELECT Sequence FROM ${table} INDEXED BY ${table}_Group
    WHERE OrderingKey = OLD.OrderingKey AND InGroup = 1 ORDER BY Sequence LIMIT 1);
END;
`;
}
