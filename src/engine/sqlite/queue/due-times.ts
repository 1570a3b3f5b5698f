/**
 * When the next message is due (Q11), and due times that a clock has left too far ahead (Q16). A due time is a delay after
 * the time at which it was set. If that time is later than now, the clock was set back since, and the message would wait
 * longer than its delay. Its due time is then drawn in: it becomes due after its delay from now.
 */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { clockToleranceMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';

/** The most messages whose due times one call changes: it holds the write lock meanwhile. */
const mostDrawnIn = 1_000;

const dueUtc = acceptedTime('DueUtc');
const setUtc = acceptedTime('coalesce(DueSetUtc, EnqueuedUtc)');

/** The next unblocked Ready message: DueUtc, and SetUtc, when it was set. */
export function nextDueSql(table: QueueTable): string {
  return `SELECT ${dueUtc} AS DueUtc, ${setUtc} AS SetUtc FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND Blocked = 0 ORDER BY ${table}.DueUtc, Sequence LIMIT 1`;
}

const statements = perTable((table) => ({
  nextDue: nextDueSql(table),
  drawIn: `UPDATE ${table} SET DueUtc = :now + max(0, ${dueUtc} - ${setUtc}), DueSetUtc = :now
    WHERE ${setUtc} > :now + ${clockToleranceMs} AND Sequence IN (
      SELECT Sequence FROM ${table} INDEXED BY ${table}_Due
      WHERE Status = 0 AND Blocked = 0 AND DueUtc > :now ORDER BY DueUtc, Sequence LIMIT ${mostDrawnIn})`,
}));

interface NextRow {
  readonly DueUtc: number;
  readonly SetUtc: number;
}

/** Whether the message is not due because the clock was set back since its due time was set. */
export function isAhead({ DueUtc, SetUtc }: NextRow, now: number): boolean {
  return DueUtc > now && SetUtc > now + clockToleranceMs;
}

/**
 * Draws in due times, the earliest first, if the next message has such a due time: then `drewIn` is true. Returns the
 * next message's due time; null if there is no message. Call it within a write transaction, as the lease's holder.
 */
export function drawInDueTimes(
  connection: Connection,
  table: QueueTable,
  now: number,
): { readonly dueUtc: number | null; readonly drewIn: boolean } {
  const { nextDue, drawIn } = statements[table];
  const next = connection.get<NextRow>(nextDue);
  if (next === undefined) return { dueUtc: null, drewIn: false };
  if (!isAhead(next, now)) return { dueUtc: next.DueUtc, drewIn: false };
  connection.prepare(drawIn).run({ now });
  const after = connection.get<NextRow>(nextDue)!;
  // More than one call changes: the next call goes on.
  return { dueUtc: isAhead(after, now) ? now : after.DueUtc, drewIn: true };
}
