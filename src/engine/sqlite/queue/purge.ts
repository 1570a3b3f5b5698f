/** Removes Done messages whose retention is over, the oldest first and a limited number at a time (Q12). */
import type { Retention } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { wholeMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';
import type { Left } from './rest.ts';

const statements = perTable((table) => ({
  /** The last row to remove, when more rows are overdue than one call may remove. */
  last: `SELECT SettledUtc, Sequence FROM ${table} INDEXED BY ${table}_Settled
    WHERE Status = 2 AND SettledUtc < ? ORDER BY SettledUtc, Sequence LIMIT 1 OFFSET ?`,
  remove: `DELETE FROM ${table} INDEXED BY ${table}_Settled
    WHERE Status = 2 AND (SettledUtc, Sequence) <= (?, ?)`,
}));

/** Whether there is a Done message whose retention is over. */
export function isPurgeDue(
  { oldestDoneUtc }: Pick<Left, 'oldestDoneUtc'>,
  retention: Retention | undefined,
  now: number,
): boolean {
  return retention !== undefined && oldestDoneUtc !== null && oldestDoneUtc < now - wholeMs(retention.doneMs);
}

/** Returns how many were removed. Call it within a write transaction, as the lease's holder. */
export function purge(
  connection: Connection,
  table: QueueTable,
  retention: Retention | undefined,
  left: Pick<Left, 'oldestDoneUtc'>,
  now: number,
): number {
  if (retention === undefined || retention.limit <= 0 || !isPurgeDue(left, retention, now)) return 0;
  const { last, remove } = statements[table];
  const before = now - wholeMs(retention.doneMs);
  const cut = connection.get<{ SettledUtc: number; Sequence: number }>(last, before, retention.limit - 1);
  return connection.run(remove, cut?.SettledUtc ?? before - 1, cut?.Sequence ?? Number.MAX_SAFE_INTEGER);
}
