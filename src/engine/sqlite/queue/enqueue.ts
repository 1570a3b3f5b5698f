/** Storing messages (Q3). */
import type { EnqueueResult, NewMessage } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { wholeMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  insert: `INSERT INTO ${table}
      (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, EnqueuedUtc, DueUtc, HeldBack, Headers, Payload)
    VALUES (?, ?, ?, ?, ?, ?, ?,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Line WHERE OrderingKey = ? AND InLine = 1), ?, ?)
    ON CONFLICT DO NOTHING`,
  /** Beside min(), SQLite gives the other columns of the row that has the least. */
  first: `SELECT MessageId, min(Sequence) FROM (
      SELECT Sequence, MessageId FROM ${table} INDEXED BY ${table}_MessageId WHERE MessageId = ?
      UNION ALL
      SELECT Sequence, MessageId FROM ${table} INDEXED BY ${table}_DedupKey WHERE DedupKey = ?)`,
}));

/**
 * Inserts the messages, in order, within a transaction that is open. SQLite lets one writer in at a time, so whether
 * a message stands behind another of its key is settled here once and for all.
 */
export function insertMessages(
  connection: Connection,
  table: QueueTable,
  messages: readonly NewMessage[],
  now: number,
): EnqueueResult[] {
  const { insert, first } = statements[table];
  const statement = connection.prepare(insert);
  return messages.map((message) => {
    const dedupKey = message.dedupKey ?? null;
    const orderingKey = message.orderingKey ?? null;
    const { changes } = statement.run(
      message.messageId,
      message.topic,
      message.correlationId ?? null,
      orderingKey,
      dedupKey,
      now,
      now + wholeMs(message.dueInMs ?? 0),
      orderingKey,
      message.headers === undefined ? null : JSON.stringify(message.headers),
      message.payload,
    );
    if (Number(changes) > 0) return { messageId: message.messageId, status: 'enqueued' };
    const { MessageId: earlier } = connection.get<{ MessageId: string | null }>(
      first,
      message.messageId,
      dedupKey,
    )!;
    if (earlier === null) {
      throw new Error(`message ${message.messageId} was neither stored nor found`);
    }
    return { messageId: earlier, status: 'duplicate' };
  });
}
