/** What a run leaves behind (S2). Each count ends at a limit, so that it costs little however much is stored. */
import { countLimit, mostParkedTopics, storedCounts } from '../../stored-counts.ts';
import type { Claim, StoredCounts } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { text } from '../text.ts';
import { type Presence, readPresence } from './presence.ts';
import { perTable, type QueueTable } from './records.ts';
import type { Rest } from './rest.ts';
import { topicIndexes } from './topics.ts';
import { nextDueSql, unblockedIn, unblockedIndexes } from './unblocked.ts';

/** The index of ordering groups has no states, so each member costs a look at its row. */
const memberLimit = 1_000;

const statements = perTable((table) => {
  const entries = (index: string, where: string, limit = countLimit, columns = '1') =>
    `(SELECT ${columns} FROM ${table} INDEXED BY ${table}_${index} WHERE ${where} LIMIT ${limit})`;
  const unblocked = (condition = '') => {
    const [prompt, delayed] = unblockedIndexes.map(
      (index) => `(SELECT count(*) FROM ${entries(index, `${unblockedIn[index]}${condition}`)})`,
    );
    return `min(${countLimit}, ${prompt} + ${delayed})`;
  };
  return {
    counts: `SELECT
        ${unblocked()} AS Unblocked,
        ${unblocked(' AND DueUtc <= :now')} AS Due,
        (${nextDueSql(table)}) AS FirstUtc,
        (SELECT count(*) FROM ${entries('Dead', 'Status = 3')}) AS Dead,
        EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Claimed WHERE Status = 1) AS Claims,
        EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled}) AS Throttles,
        EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Parked WHERE ${topicIndexes.Parked}) AS Parks,
        EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Group WHERE InGroup = 1 AND OrderingKey IS NOT NULL) AS Groups`,
    throttled: `SELECT count(*) AS Count, ${acceptedTime('min(DueUtc)')} AS FirstUtc
      FROM ${entries('Throttled', topicIndexes.Throttled, countLimit, 'DueUtc')}`,
    members: `SELECT count(*) AS Count, coalesce(sum(Status = 0 AND Blocked = 1), 0) AS Blocked
      FROM ${entries('Group', 'InGroup = 1 AND OrderingKey IS NOT NULL', memberLimit, 'Status, Blocked')}`,
    parked: `SELECT CAST(Topic AS BLOB) AS TopicBytes, count(*) AS Count
      FROM ${entries('Parked', topicIndexes.Parked, countLimit, 'Topic')} GROUP BY Topic ORDER BY Count DESC LIMIT ${mostParkedTopics}`,
  };
});

interface CountsRow {
  readonly Unblocked: number;
  readonly Due: number;
  readonly FirstUtc: number | null;
  readonly Dead: number;
  readonly Claims: number;
  readonly Throttles: number;
  readonly Parks: number;
  readonly Groups: number;
}

/** Takes no lock: in a write transaction it sees that transaction's changes. */
function countStored(connection: Connection, table: QueueTable, now: number): StoredCounts {
  const sql = statements[table];
  const row = connection.prepare(sql.counts).get({ now }) as unknown as CountsRow;
  // The three indexes are empty for most queues.
  const throttled =
    row.Throttles === 1 ? connection.get<{ Count: number; FirstUtc: number | null }>(sql.throttled)! : none;
  const { Count: members, Blocked: blocked } =
    row.Groups === 1 ? connection.get<{ Count: number; Blocked: number }>(sql.members)! : none;
  const parked = row.Parks === 1 ? connection.all<{ TopicBytes: Uint8Array; Count: number }>(sql.parked) : [];
  const first = [row.FirstUtc, throttled.FirstUtc].filter((utc) => utc !== null);
  return storedCounts(
    {
      unblocked: row.Unblocked,
      due: row.Due,
      throttled: throttled.Count,
      members,
      blocked,
      dead: row.Dead,
      oldestDueAgeMs: first.length === 0 ? null : now - Math.min(...first),
      parked: parked.map(({ TopicBytes, Count }) => ({ topic: text(TopicBytes), count: Count })),
      // A reader of SQLite sees every committed message.
      isEmpty: Math.max(row.Unblocked, throttled.Count, blocked, row.Dead, row.Claims) === 0,
    },
    memberLimit,
  );
}

/**
 * The counts for the answer of a call that ends its run. They must not hide what the call has done, so an error does not end
 * it. Most queues have only Done messages then, which takes less time to see than to count what there is.
 * @param rest what is left, read in this transaction; `presence` too, if it was read
 */
export function counted(
  connection: Connection,
  table: QueueTable,
  now: number,
  { nextDueInMs }: Pick<Rest, 'nextDueInMs'>,
  presence?: Presence,
): Pick<Claim, 'stored' | 'countError'> {
  try {
    if (nextDueInMs === null) {
      const { claimed, dead, grouped } = presence ?? readPresence(connection, table);
      // A parked message has a due time or an ordering group.
      if (!claimed && !dead && !grouped) return { stored: nothingStored };
    }
    return { stored: countStored(connection, table, now) };
  } catch (countError) {
    return { countError };
  }
}

const none = { Count: 0, FirstUtc: null, Blocked: 0 };

/** The counts of a queue that has no message but Done ones. */
export const nothingStored: StoredCounts = storedCounts(
  {
    unblocked: 0,
    due: 0,
    throttled: 0,
    members: 0,
    blocked: 0,
    dead: 0,
    oldestDueAgeMs: null,
    parked: [],
    isEmpty: true,
  },
  memberLimit,
);
