/** Storing messages (Q3). */
import { MultiOutboxError } from '../../../errors.ts';
import { conflictKey, type EnqueueResult, type NewMessage } from '../../message.ts';
import type { EnqueueStatement } from '../../work-queue.ts';
import { nowSql } from '../connection.ts';
import type { Answer, Script, Statement } from '../script.ts';
import { wholeMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  insert: `INSERT INTO ${table}
      (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Blocked, Headers, Payload)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Group WHERE OrderingKey = ? AND InGroup = 1), ?, ?)
    ON CONFLICT DO NOTHING`,
  /** With min(), SQLite returns the other columns of the row that has the minimum. */
  first: `SELECT MessageId, Hash, min(Sequence) FROM (
      SELECT Sequence, MessageId, Hash FROM ${table} INDEXED BY ${table}_MessageId WHERE MessageId = ?
      UNION ALL
      SELECT Sequence, MessageId, Hash FROM ${table} INDEXED BY ${table}_DedupKey WHERE DedupKey = ? AND Source = ?)`,
  markDead: `UPDATE ${table} INDEXED BY ${table}_MessageId
    SET Status = 3, SettledUtc = EnqueuedUtc, InGroup = 0, Blocked = 0, FirstError = ?, LastError = ?
    WHERE MessageId = ?`,
}));

interface First {
  readonly MessageId: string | null;
  readonly Hash: string | null;
}

/**
 * Inserts the messages, in order, within an open transaction. SQLite allows one writer at a time, so the insert can
 * decide reliably whether a message is blocked by an earlier one of its key.
 * @throws MultiOutboxError INVALID_MESSAGE when a topic, a source or a hash begins or ends with a blank; nothing is stored
 */
export function* insertMessages(
  table: QueueTable,
  messages: readonly NewMessage[],
  now: number,
): Script<EnqueueResult[]> {
  messages.forEach(assertTrimmed);
  const results: EnqueueResult[] = [];
  for (const message of messages) results.push(yield* store(table, message, now));
  return results;
}

function* store(table: QueueTable, message: NewMessage, now: number): Script<EnqueueResult> {
  const { changed } = yield insertion(table, message, now);
  if (changed) return { messageId: message.messageId, status: 'enqueued' };
  const { messageId, dedupKey = null, source = '', hash } = message;
  const { rows }: Answer = yield { sql: statements[table].first, values: [messageId, dedupKey, source] };
  const first = rows[0] as unknown as First;
  if (first.MessageId === null) throw new Error(`message ${messageId} was neither stored nor found`);
  const isConflict = hash !== undefined && first.Hash !== null && first.Hash !== hash;
  if (isConflict) yield* keepConflict(table, message, first.MessageId, now);
  return { messageId: first.MessageId, status: isConflict ? 'conflict' : 'duplicate' };
}

/** As the procedures on SQL Server do, whose = ignores trailing blanks. */
function assertTrimmed({ topic, source = '', hash = '' }: NewMessage): void {
  for (const [name, text] of Object.entries({ topic, source, hash })) {
    if (text.startsWith(' ') || text.endsWith(' '))
      throw new MultiOutboxError('INVALID_MESSAGE', `${name} must not begin or end with a blank.`);
  }
}

/** It changes nothing when the message was stored before. */
function insertion(table: QueueTable, message: NewMessage, now: number): Statement {
  const orderingKey = message.orderingKey ?? null;
  return {
    sql: statements[table].insert,
    values: [
      message.messageId,
      message.topic,
      message.correlationId ?? null,
      orderingKey,
      message.dedupKey ?? null,
      message.source ?? '',
      message.hash ?? null,
      now,
      now + wholeMs(message.dueInMs ?? 0),
      orderingKey,
      message.headers === undefined ? null : JSON.stringify(message.headers),
      message.payload,
    ],
    wanted: 'changes',
  };
}

/**
 * One INSERT that any driver runs. The times are the database's at that moment, and triggers do the rest.
 * @param clock replaces the database's clock in tests
 */
export function insertStatement(
  table: QueueTable,
  message: NewMessage,
  placeholder: (nth: number) => string,
  clock?: number,
): EnqueueStatement {
  assertTrimmed(message);
  const { messageId, topic, payload, headers, dueInMs = 0 } = message;
  const optional = {
    CorrelationId: message.correlationId,
    OrderingKey: message.orderingKey,
    DedupKey: message.dedupKey,
    Headers: headers && JSON.stringify(headers),
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined) as [string, string][];
  const columns = [['MessageId', messageId], ['Topic', topic], ['Payload', payload], ...given] as const;
  const now = clock ?? nowSql;
  const names = columns.map(([name]) => name).join(', ');
  const values = columns.map((_, index) => placeholder(index + 1)).join(', ');
  return {
    sql: `INSERT INTO ${table} (${names}, EnqueuedUtc, DueUtc)
      VALUES (${values}, ${now}, ${now} + ${wholeMs(dueInMs)}) ON CONFLICT DO NOTHING`,
    parameters: columns.map(([, value]) => value),
    messageId,
  };
}

/** Inserts a conflicting message as Dead, unless the same conflict was inserted before (I2). */
function* keepConflict(table: QueueTable, message: NewMessage, firstId: string, now: number): Script<void> {
  const dedupKey = conflictKey(message.dedupKey ?? message.messageId, message.hash!);
  const { changed } = yield insertion(table, { ...message, dedupKey }, now);
  if (!changed) return;
  const error = `This id was received before with other content, as message ${firstId}; compare the two, then discard or replay this one.`;
  yield { sql: statements[table].markDead, values: [error, error, message.messageId] };
}
