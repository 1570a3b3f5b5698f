/** The messages that are left after a call (Q11). */
import type { Connection } from '../connection.ts';
import { anyAheadSql, drawInDueTimes } from './due-times.ts';
import { perTable, type QueueTable } from './records.ts';
import { topicIndexes } from './topics.ts';
import { nextDueSql } from './unblocked.ts';

const statements = perTable((table) => ({
  /** One statement, because every call asks: at batch 1 each statement is felt. */
  left: `SELECT
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled}) AS Throttled,
      ${anyAheadSql(table, 'Now')} AS Ahead,
      (${nextDueSql(table)}) AS DueUtc
    FROM (SELECT ? AS Now)`,
}));

interface LeftRow {
  readonly Throttled: number;
  /** 1: a clock that was set back since has left a due time too far ahead. */
  readonly Ahead: number;
  readonly DueUtc: number | null;
}

export interface Rest {
  readonly nextDueInMs: number | null;
  readonly throttled: boolean;
  /** Whether a message is due that is not throttled. */
  readonly isDue: boolean;
  /** Whether a message is due because its due time was drawn in. */
  readonly drewIn: boolean;
}

/** Draws in due times, and reads what is left. Call it within a write transaction, as the lease's holder. */
export function restOf(connection: Connection, table: QueueTable, now: number): Rest {
  const read = () => connection.get<LeftRow>(statements[table].left, now)!;
  const found = read();
  const drewIn = found.Ahead === 1;
  if (drewIn) drawInDueTimes(connection, table, now);
  const { Throttled, Ahead, DueUtc } = drewIn ? read() : found;
  // When one call cannot draw in all of them, the next one goes on at once.
  const next = Ahead === 1 ? 0 : DueUtc === null ? null : Math.max(0, DueUtc - now);
  const throttled = Throttled === 1;
  const isDue = next === 0;
  // A throttled message was due when it was throttled.
  return { nextDueInMs: throttled ? 0 : next, throttled, isDue, drewIn: drewIn && isDue };
}
