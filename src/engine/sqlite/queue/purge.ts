/** Removing Done messages whose retention is over, the oldest first and few at a time (Q12). */
import type { Retention } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { wholeMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable(
  (table) => `DELETE FROM ${table} WHERE Sequence IN (
    SELECT Sequence FROM ${table} INDEXED BY ${table}_Settled
    WHERE Status = 2 AND SettledUtc < ? ORDER BY SettledUtc, Sequence LIMIT ?)`,
);

/** Returns how many were removed. Within a write transaction, as the lease's holder. */
export function purge(
  connection: Connection,
  table: QueueTable,
  retention: Retention | undefined,
  now: number,
): number {
  if (retention === undefined || retention.limit <= 0) return 0;
  return connection.run(statements[table], now - wholeMs(retention.doneMs), retention.limit);
}
