/** Storing messages (Q3). */
import { MultiOutboxError } from '../../../errors.ts';
import { conflictKey, type EnqueueResult, type NewMessage } from '../../message.ts';
import type { Connection } from '../connection.ts';
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
    SET Status = 3, SettledUtc = EnqueuedUtc, InGroup = 0, Blocked = 0, FirstError = :error, LastError = :error
    WHERE MessageId = :messageId`,
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
export function insertMessages(
  connection: Connection,
  table: QueueTable,
  messages: readonly NewMessage[],
  now: number,
): EnqueueResult[] {
  messages.forEach(assertTrimmed);
  return messages.map((message) => {
    if (insert(connection, table, message, now)) return { messageId: message.messageId, status: 'enqueued' };
    const { messageId, dedupKey = null, source = '', hash } = message;
    const first = connection.get<First>(statements[table].first, messageId, dedupKey, source)!;
    if (first.MessageId === null) throw new Error(`message ${messageId} was neither stored nor found`);
    const isConflict = hash !== undefined && first.Hash !== null && first.Hash !== hash;
    if (isConflict) keepConflict(connection, table, message, first.MessageId, now);
    return { messageId: first.MessageId, status: isConflict ? 'conflict' : 'duplicate' };
  });
}

/** As the procedures on SQL Server do, whose = ignores trailing blanks. */
function assertTrimmed({ topic, source = '', hash = '' }: NewMessage): void {
  for (const [name, text] of Object.entries({ topic, source, hash })) {
    if (text.startsWith(' ') || text.endsWith(' '))
      throw new MultiOutboxError('INVALID_MESSAGE', `${name} must not begin or end with a blank.`);
  }
}

/** Returns false when the message was stored before. */
function insert(connection: Connection, table: QueueTable, message: NewMessage, now: number): boolean {
  const orderingKey = message.orderingKey ?? null;
  const { changes } = connection
    .prepare(statements[table].insert)
    .run(
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
    );
  return Number(changes) > 0;
}

/** Inserts a conflicting message as Dead, unless the same conflict was inserted before (I2). */
function keepConflict(
  connection: Connection,
  table: QueueTable,
  message: NewMessage,
  firstId: string,
  now: number,
): void {
  const dedupKey = conflictKey(message.dedupKey ?? message.messageId, message.hash!);
  if (!insert(connection, table, { ...message, dedupKey }, now)) return;
  const error = `This id was received before with other content, as message ${firstId}; compare the two, then discard or replay this one.`;
  connection.prepare(statements[table].markDead).run({ messageId: message.messageId, error });
}
