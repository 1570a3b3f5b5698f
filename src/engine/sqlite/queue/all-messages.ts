/** Reads every message of a queue, in any state. It is for tests, whose tables are small. */
import type { DatabaseSync } from 'node:sqlite';
import type { MessageRecord } from '../../message.ts';
import type { QueueName } from '../../work-queue.ts';
import { Connection } from '../connection.ts';
import { messageRecord, perTable, type RecordRow, recordColumns, tableOf } from './records.ts';

const statements = perTable((table) => `SELECT ${recordColumns} FROM ${table} ORDER BY Sequence`);

/** Returns the messages in the order in which they were stored. */
export function allMessages(database: DatabaseSync, queue: QueueName): MessageRecord[] {
  const connection = new Connection(database);
  const table = tableOf[queue];
  return connection
    .allTuples<RecordRow>(statements[table])
    .map((row) => messageRecord(connection, table, row));
}
