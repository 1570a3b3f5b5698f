/** The counts of a queue. They all come from partial indexes, so Done rows are counted without reading them. */
import type { QueueStatistics } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { perTable, type QueueTable } from './records.ts';
import { topicIndexes } from './topics.ts';
import { perUnblockedIndex } from './unblocked.ts';

const statements = perTable((table) => ({
  unblocked: perUnblockedIndex(
    table,
    (
      from,
    ) => `SELECT count(*) AS Ready, coalesce(sum(DueUtc <= ?), 0) AS Due, coalesce(sum(Parks > 0), 0) AS Parked,
      ${acceptedTime('min(DueUtc)')} AS NextDueUtc FROM ${from}`,
  ),
  throttled: `SELECT count(*) AS Ready, coalesce(sum(Parks > 0), 0) AS Parked, ${acceptedTime('min(DueUtc)')} AS DueUtc
    FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled}`,
  blocked: `SELECT count(*) AS Blocked, coalesce(sum(Parks > 0), 0) AS Parked
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
}

interface Throttled {
  readonly Ready: number;
  readonly Parked: number;
  readonly DueUtc: number | null;
}

/** Call it within a read transaction, so that all counts are of the same moment. */
export function statistics(connection: Connection, table: QueueTable): QueueStatistics {
  const sql = statements[table];
  const count = (statement: string) => connection.get<{ Count: number }>(statement)!.Count;
  const now = connection.now();
  const prompt = connection.get<Unblocked>(sql.unblocked.Due, now)!;
  const delayed = connection.get<Unblocked>(sql.unblocked.Delayed, now)!;
  const throttled = connection.get<Throttled>(sql.throttled)!;
  const blocked = connection.get<{ Blocked: number; Parked: number }>(sql.blocked)!;
  const due = prompt.Due + delayed.Due + throttled.Ready;
  const dueTimes = [prompt.NextDueUtc, delayed.NextDueUtc, throttled.DueUtc].filter((utc) => utc !== null);
  const ageMs = dueTimes.length === 0 ? null : now - Math.min(...dueTimes);
  return {
    ready: prompt.Ready + delayed.Ready + throttled.Ready + blocked.Blocked,
    due,
    blocked: blocked.Blocked,
    parked: prompt.Parked + delayed.Parked + throttled.Parked + blocked.Parked,
    claimed: count(sql.claimed),
    done: count(sql.done),
    dead: count(sql.dead),
    oldestDueAgeMs: due > 0 ? ageMs : null,
    nextDueInMs: ageMs === null ? null : Math.max(0, -ageMs),
  };
}
