/**
 * When the next message is due (Q11), and due times that a clock has left too far ahead (Q16). A due time is a delay after
 * the time at which it was set. If that time is later than now, the clock was set back since, and the message would wait
 * longer than its delay. Its due time is then drawn in: it becomes due after its delay from now. An index by the time at
 * which due times were set finds these messages, wherever they are among the others.
 */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { clockToleranceMs, latestUtc } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';

/** The most messages whose due times one call changes: it holds the write lock meanwhile. */
const mostDrawnIn = 1_000;

/** SQLite's greatest. */
const greatestInteger = 2n ** 63n - 1n;

const dueUtc = acceptedTime('DueUtc');
/** As in the index. */
const set = 'coalesce(DueSetUtc, EnqueuedUtc)';

/** The due time of the next unblocked Ready message, DueUtc. */
export function nextDueSql(table: QueueTable): string {
  return `SELECT ${dueUtc} AS DueUtc FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND Blocked = 0 ORDER BY ${table}.DueUtc, Sequence LIMIT 1`;
}

/** Unblocked Ready messages whose due times were set at a later time than now, which is the SQL expression `now`. */
export function aheadSql(table: QueueTable, now: string): string {
  return `FROM ${table} INDEXED BY ${table}_DueSet
    WHERE Status = 0 AND Blocked = 0 AND ${set} > ${now} + ${clockToleranceMs}`;
}

const statements = perTable((table) => ({
  nextDue: nextDueSql(table),
  ahead: `SELECT Sequence, ${acceptedTime(set)} AS SetUtc ${aheadSql(table, '?')} ORDER BY ${set}, Sequence
    LIMIT ${mostDrawnIn}`,
  /** Whatever the statistics, it reads only the range of the index that holds these messages. */
  drawIn: `UPDATE ${table} INDEXED BY ${table}_DueSet SET DueSetUtc = :now,
      DueUtc = min(${dueUtc}, :now + max(0, ${dueUtc} - ${acceptedTime(set)}))
    WHERE Status = 0 AND Blocked = 0 AND ${set} > :now + ${clockToleranceMs} AND ${set} <= :last
      AND Sequence IN (SELECT value FROM json_each(:sequences))`,
}));

/**
 * Draws in due times, those that were set first before the others. Returns the next message's due time, or null if there
 * is no message, and whether a due time was drawn in. Call it within a write transaction, as the lease's holder.
 */
export function drawInDueTimes(
  connection: Connection,
  table: QueueTable,
  now: number,
): { readonly dueUtc: number | null; readonly drewIn: boolean } {
  const { nextDue, ahead, drawIn } = statements[table];
  const found = connection.all<{ Sequence: number; SetUtc: number }>(ahead, now);
  const last = found.at(-1)?.SetUtc;
  if (last !== undefined) {
    const sequences = JSON.stringify(found.map(({ Sequence }) => Sequence));
    // The column may hold a later time than a table accepts, and the bound must include it.
    connection.prepare(drawIn).run({ now, last: last === latestUtc ? greatestInteger : last, sequences });
  }
  // More may be left: the next call goes on.
  if (found.length === mostDrawnIn) return { dueUtc: now, drewIn: true };
  const next = connection.get<{ DueUtc: number }>(nextDue);
  return { dueUtc: next?.DueUtc ?? null, drewIn: last !== undefined };
}
