/** Storing messages (Q3). */
import { MultiOutboxError } from '../../../errors.ts';
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
  first: `SELECT MessageId FROM ${table} WHERE MessageId = ? OR DedupKey = ? ORDER BY Sequence LIMIT 1`,
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
    const earlier = connection.get<{ MessageId: string }>(first, message.messageId, dedupKey);
    if (earlier === undefined) {
      throw new MultiOutboxError(
        'DATABASE_ERROR',
        `message ${message.messageId} was neither stored nor found; try again`,
      );
    }
    return { messageId: earlier.MessageId, status: 'duplicate' };
  });
}
