/**
 * Due times that a clock has left too far ahead (Q16). A due time is a delay after the time at which it was set. If that
 * time is later than now, the clock was set back since, and the message would wait longer than its delay. Its due time is
 * then drawn in: it becomes due after its delay from now. Two indexes find these messages, wherever they are among the
 * others: prompt ones by their due time, delayed ones by the time from which the delay counts.
 */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { clockToleranceMs } from '../time.ts';
import { perTable, type QueueTable } from './records.ts';
import { dueSetSql, unblockedIn } from './unblocked.ts';

/** The most messages whose due times one call changes: it holds the write lock meanwhile. */
const mostDrawnIn = 1_000;

const dueUtc = acceptedTime('DueUtc');

/** The indexes in which messages are ahead of the clock, with the first column of each. */
const aheadIn = [
  { index: 'Due', having: unblockedIn.Due, utc: 'DueUtc' },
  { index: 'DelayedFrom', having: unblockedIn.Delayed, utc: dueSetSql },
] as const;

const aheadOf = ({ having, utc }: (typeof aheadIn)[number], now: string) =>
  `${having} AND ${utc} > ${now} + ${clockToleranceMs}`;

/** Whether there are messages whose due times were set at a later time than now, which is the SQL expression `now`. */
export function anyAheadSql(table: QueueTable, now: string): string {
  const exists = aheadIn.map(
    (each) => `EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_${each.index} WHERE ${aheadOf(each, now)})`,
  );
  return exists.join(' OR ');
}

const statements = perTable((table) =>
  aheadIn.map((each) => {
    const indexed = `${table} INDEXED BY ${table}_${each.index}`;
    return {
      read: `SELECT Sequence FROM ${indexed} WHERE ${aheadOf(each, '?')} ORDER BY ${each.utc}, Sequence LIMIT ? + 0`,
      /** Whatever the statistics, it reads only the range of the index that holds these messages. */
      drawIn: `UPDATE ${indexed} SET DueSetUtc = :now,
          DueUtc = min(${dueUtc}, :now + max(0, ${dueUtc} - ${acceptedTime(dueSetSql)}))
        WHERE ${aheadOf(each, ':now')} AND ${each.utc} <= (SELECT ${each.utc} FROM ${table} WHERE Sequence = :last)
          AND Sequence IN (SELECT value FROM json_each(:sequences))`,
    };
  }),
);

/**
 * Draws in due times, in each index those that were set first before the others, up to a limit. Call it within a write
 * transaction, as the lease's holder.
 */
export function drawInDueTimes(connection: Connection, table: QueueTable, now: number): void {
  let left = mostDrawnIn;
  for (const { read, drawIn } of statements[table]) {
    const sequences = connection.allTuples<[sequence: number]>(read, now, left).flat();
    const last = sequences.at(-1);
    if (last === undefined) continue;
    left -= connection.run(drawIn, { now, last, sequences: JSON.stringify(sequences) });
  }
}
