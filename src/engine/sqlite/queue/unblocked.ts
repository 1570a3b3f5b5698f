/**
 * Unblocked Ready messages. Each is in one of two indexes by due time: Due has those that were due at once when the due
 * time was set, Delayed has the others.
 */
import { acceptedTime } from '../integers.ts';
import type { QueueTable } from './records.ts';

/** When the due time was set. */
export const dueSetSql = 'coalesce(DueSetUtc, EnqueuedUtc)';

/** The messages of each index, as a condition; as in the table's definition. */
export const unblockedIn = {
  Due: `Status = 0 AND Blocked = 0 AND DueUtc <= ${dueSetSql}`,
  Delayed: `Status = 0 AND Blocked = 0 AND DueUtc > ${dueSetSql}`,
} as const;
export type UnblockedIndex = keyof typeof unblockedIn;

export const unblockedIndexes = ['Due', 'Delayed'] as const satisfies readonly UnblockedIndex[];

/** Builds a statement once for each of the two indexes; `from` is its FROM clause, with the beginning of WHERE. */
export function perUnblockedIndex(
  table: QueueTable,
  build: (from: string) => string,
): Readonly<Record<UnblockedIndex, string>> {
  const from = (index: UnblockedIndex) =>
    build(`${table} INDEXED BY ${table}_${index} WHERE ${unblockedIn[index]}`);
  return { Due: from('Due'), Delayed: from('Delayed') };
}

/** The earliest due time of the messages of each index; no row when there is none. */
export function firstDueSql(table: QueueTable): Readonly<Record<UnblockedIndex, string>> {
  return perUnblockedIndex(
    table,
    (from) => `SELECT ${acceptedTime('DueUtc')} FROM ${from} ORDER BY DueUtc, Sequence LIMIT 1`,
  );
}

/** The earliest due time, DueUtc, of all unblocked Ready messages; no row or NULL when there is none. */
export function nextDueSql(table: QueueTable): string {
  const { Due, Delayed } = firstDueSql(table);
  return `SELECT min(DueUtc) AS DueUtc FROM (SELECT (${Due}) AS DueUtc UNION ALL SELECT (${Delayed}))`;
}
