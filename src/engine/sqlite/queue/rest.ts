/** The messages that are left after a call (Q11). */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { anyAheadSql, drawInDueTimes } from './due-times.ts';
import { perTable, type QueueTable } from './records.ts';
import { topicIndexes } from './topics.ts';
import { firstDueSql } from './unblocked.ts';

const statements = perTable((table) => ({
  /**
   * One statement, because every call asks: at batch 1 each statement is felt. Parameters by position, and no FROM, take
   * half the time of named ones and of a subquery that gives the time a name.
   */
  left: `SELECT
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled}),
      ${anyAheadSql(table, '?')},
      (${firstDueSql(table).Due}),
      (${firstDueSql(table).Delayed}),
      (SELECT ${acceptedTime('SettledUtc')} FROM ${table} INDEXED BY ${table}_Settled
        WHERE Status = 2 AND SettledUtc IS NOT NULL ORDER BY SettledUtc LIMIT 1)`,
}));

type LeftRow = readonly [
  throttled: 0 | 1,
  ahead: 0 | 1,
  promptUtc: number | null,
  delayedUtc: number | null,
  oldestDoneUtc: number | null,
];

/** What is in the table, apart from claimed messages. */
export interface Left {
  readonly throttled: boolean;
  /** Whether a clock that was set back since has left a due time too far ahead. */
  readonly isAhead: boolean;
  /** The earliest due times of prompt and of delayed messages, and the earliest settled time of Done ones. */
  readonly promptUtc: number | null;
  readonly delayedUtc: number | null;
  readonly oldestDoneUtc: number | null;
}

export function readLeft(connection: Connection, table: QueueTable, now: number): Left {
  const row = connection.getTuple<LeftRow>(statements[table].left, now, now)!;
  const [throttled, ahead, promptUtc, delayedUtc, oldestDoneUtc] = row;
  return { throttled: throttled === 1, isAhead: ahead === 1, promptUtc, delayedUtc, oldestDoneUtc };
}

/** The earliest due time of the unblocked messages; null when there are none. */
export function nextDueOf({ promptUtc, delayedUtc }: Left): number | null {
  const dueTimes = [promptUtc, delayedUtc].filter((utc) => utc !== null);
  return dueTimes.length === 0 ? null : Math.min(...dueTimes);
}

export interface Rest {
  readonly nextDueInMs: number | null;
  readonly throttled: boolean;
  /** Whether a message is due that is not throttled. */
  readonly isDue: boolean;
  /** Whether a message is due because its due time was drawn in. */
  readonly drewIn: boolean;
}

/**
 * Draws in due times, and reads what is left. Call it within a write transaction, as the lease's holder.
 *
 * @param found what is left, if it was read before and has not changed since
 */
export function restOf(
  connection: Connection,
  table: QueueTable,
  now: number,
  found = readLeft(connection, table, now),
): Rest {
  const drewIn = found.isAhead;
  if (drewIn) drawInDueTimes(connection, table, now);
  const left = drewIn ? readLeft(connection, table, now) : found;
  const { throttled } = left;
  const nextDueUtc = nextDueOf(left);
  // When one call cannot draw in all of them, the next one goes on at once.
  const next = left.isAhead ? 0 : nextDueUtc === null ? null : Math.max(0, nextDueUtc - now);
  const isDue = next === 0;
  // A throttled message was due when it was throttled.
  return { nextDueInMs: throttled ? 0 : next, throttled, isDue, drewIn: drewIn && isDue };
}
