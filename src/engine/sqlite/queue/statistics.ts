/** Counts of a queue. All of them come from its partial indexes; Done rows are counted, not read. */
import type { QueueStatistics } from '../../work-queue.ts';
import { type Connection, nowSql } from '../connection.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  unblocked: `SELECT count(Sequence) AS Ready, coalesce(sum(DueUtc <= Now), 0) AS Due, coalesce(sum(Parks > 0), 0) AS Parked,
      min(DueUtc) AS NextDueUtc, Now
    FROM (SELECT ${nowSql} AS Now) LEFT JOIN ${table} INDEXED BY ${table}_Due ON Status = 0 AND Blocked = 0`,
  back: `SELECT count(*) AS Blocked, coalesce(sum(Parks > 0), 0) AS Parked
    FROM ${table} INDEXED BY ${table}_Group
    WHERE InGroup = 1 AND OrderingKey IS NOT NULL AND Status = 0 AND Blocked = 1`,
  claimed: `SELECT count(*) AS Count FROM ${table} INDEXED BY ${table}_Claimed WHERE Status = 1`,
  done: `SELECT count(*) AS Count FROM ${table} INDEXED BY ${table}_Settled WHERE Status = 2`,
  dead: `SELECT count(*) AS Count FROM ${table} INDEXED BY ${table}_Dead WHERE Status = 3`,
}));

interface Unblocked {
  readonly Ready: number;
  readonly Due: number;
  readonly Parked: number;
  readonly NextDueUtc: number | null;
  readonly Now: number;
}

/** Within a read transaction, so that the counts belong together. */
export function statistics(connection: Connection, table: QueueTable): QueueStatistics {
  const sql = statements[table];
  const count = (statement: string) => connection.get<{ Count: number }>(statement)!.Count;
  const unblocked = connection.get<Unblocked>(sql.unblocked)!;
  const back = connection.get<{ Blocked: number; Parked: number }>(sql.back)!;
  const ageMs = unblocked.NextDueUtc === null ? null : unblocked.Now - unblocked.NextDueUtc;
  return {
    ready: unblocked.Ready + back.Blocked,
    due: unblocked.Due,
    blocked: back.Blocked,
    parked: unblocked.Parked + back.Parked,
    claimed: count(sql.claimed),
    done: count(sql.done),
    dead: count(sql.dead),
    oldestDueAgeMs: ageMs !== null && ageMs >= 0 ? ageMs : null,
    nextDueInMs: ageMs === null ? null : Math.max(0, -ageMs),
  };
}
