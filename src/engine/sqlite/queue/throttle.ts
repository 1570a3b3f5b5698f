/**
 * Topics at their limit (Q4). A claim first throttles the due messages for which their topic has no room: it takes them
 * out of the indexes of due messages, so that neither this claim nor a later one reads them. A claim that has room for
 * their topic puts as many back as there is room for. Followers cannot start, so they use no room here.
 */
import type { ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { type StoredText, text, textColumn, textOfBytes } from '../text.ts';
import { type DueOrder, DueRows, dueRowsSql } from './due-rows.ts';
import { keyColumn, mayStartSql } from './ordering.ts';
import { perTable, type QueueTable } from './records.ts';
import type { GroupMessage } from './room-behind.ts';
import { Rooms } from './rooms.ts';
import { type StoredTopic, type TopicWalk, topicIndexes, topicsIn } from './topics.ts';

const statements = perTable((table) => ({
  ofTopic: `SELECT Sequence, ${acceptedTime('DueUtc')}, ${mayStartSql(table)} FROM ${table} INDEXED BY ${table}_Throttled
    WHERE ${topicIndexes.Throttled} AND Topic = ${textOfBytes('?')} AND Source = ${textOfBytes('?')} ORDER BY DueUtc, Sequence`,
  /** Reads no payload. */
  due: dueRowsSql(
    table,
    `Sequence, ${acceptedTime('DueUtc')}, ${mayStartSql(table)}, ${keyColumn}, ${textColumn('Topic')}, ${textColumn('Source')}`,
  ),
  block: `UPDATE ${table} SET Blocked = ? WHERE Sequence IN (SELECT value FROM json_each(?))`,
}));

type ThrottledRow = readonly [sequence: number, dueUtc: number, mayStart: 0 | 1];
type DueRow = readonly [
  ...throttled: ThrottledRow,
  key: Uint8Array | null,
  topic: StoredText,
  source: StoredText,
];

/** The most messages that one claim throttles, or blocks, because it holds its locks until then. */
const mostThrottled = 4_000;

export interface ThrottleOrder extends DueOrder, Pick<ClaimLimits, 'rooms' | 'limit'> {
  /** Whether there are throttled messages. */
  readonly throttled: boolean;
  /** Over the topics of throttled messages. */
  readonly walk: TopicWalk;
}

export interface Throttled {
  /** The most messages that the claim may take from the front of the due messages. */
  readonly limit: number;
  /** Whether another claim may find more, because one call looks at a limited number of messages and topics. */
  readonly areLeft: boolean;
  /** The heads of ordering groups among the messages that the claim may take. Empty when no topic has a limit. */
  readonly heads: readonly GroupMessage[];
}

/**
 * Makes the first due messages ones that a claim may take as they are. Call it within a write transaction,
 * before the claim.
 */
export function throttle(connection: Connection, table: QueueTable, order: ThrottleOrder): Throttled {
  const { rooms = [], limit } = order;
  const areThrottledLeft = order.throttled && putBack(connection, table, new Rooms(rooms), order);
  if (rooms.length === 0) return { limit, areLeft: areThrottledLeft, heads: [] };
  const { found, heads, throttled, areLeft } = readDue(connection, table, new Rooms(rooms), order);
  setBlocked(connection, table, throttled, 2);
  return { limit: areLeft ? found : limit, areLeft: areLeft || areThrottledLeft, heads };
}

/** A throttled message that may start. */
interface Waiting {
  readonly sequence: number;
  readonly dueUtc: number;
}

/**
 * Puts back the oldest throttled messages for which there is room. All topics and sources that one room is for share it.
 * Returns whether another call may put more back. If a call that did not come to all topics changed nothing, the next
 * one can wait until a message has ended.
 */
function putBack(
  connection: Connection,
  table: QueueTable,
  rooms: Rooms,
  { limit, walk }: ThrottleOrder,
): boolean {
  // One message more than the claim takes stays in the index, and shows that there are more.
  const unlimited = { left: limit + 1 };
  const back = new Map<object, readonly Waiting[]>();
  let blocked = 0;
  for (const stored of topicsIn(connection, table, 'Throttled', walk)) {
    const room = rooms.of(stored.topic, stored.source) ?? unlimited;
    const count = Math.min(room.left, unlimited.left);
    if (count <= 0) continue;
    const oldest = back.get(room) ?? [];
    const { heads, followers } = oldestOf(connection, table, stored, count, oldest[count - 1]);
    back.set(room, [...oldest, ...heads].sort(byDueTime).slice(0, count));
    setBlocked(connection, table, followers, 1);
    blocked += followers.length;
    if (blocked >= mostThrottled) break;
  }
  const sequences = [...back.values()].flat().map(({ sequence }) => sequence);
  setBlocked(connection, table, sequences, 0);
  return blocked >= mostThrottled || (walk.after !== null && sequences.length + blocked > 0);
}

function byDueTime(one: Waiting, other: Waiting): number {
  return one.dueUtc - other.dueUtc || one.sequence - other.sequence;
}

/**
 * Reads the oldest throttled messages of a topic that come before `latest`, until it has found `count` that may start. The
 * others have become followers, because a message before them was replayed.
 */
function oldestOf(
  connection: Connection,
  table: QueueTable,
  { bytes }: StoredTopic,
  count: number,
  latest: Waiting | undefined,
): { heads: Waiting[]; followers: number[] } {
  const heads: Waiting[] = [];
  const followers: number[] = [];
  const rows = connection.iterateTuples<ThrottledRow>(statements[table].ofTopic, ...bytes);
  try {
    for (let next = rows.next(); next.done !== true; next = rows.next()) {
      const [sequence, dueUtc, mayStart] = next.value;
      const message = { sequence, dueUtc };
      if (latest !== undefined && byDueTime(latest, message) < 0) break;
      if (mayStart === 1) heads.push(message);
      else followers.push(sequence);
      if (heads.length >= count || followers.length >= mostThrottled) break;
    }
  } finally {
    rows.return?.();
  }
  return { heads, followers };
}

function setBlocked(
  connection: Connection,
  table: QueueTable,
  sequences: readonly number[],
  blocked: 0 | 1 | 2,
): void {
  if (sequences.length > 0) connection.run(statements[table].block, blocked, JSON.stringify(sequences));
}

/** Reads due messages until it has found `limit` with room that may start. */
function readDue(
  connection: Connection,
  table: QueueTable,
  rooms: Rooms,
  order: ThrottleOrder,
): { found: number; heads: GroupMessage[]; throttled: number[]; areLeft: boolean } {
  const heads: GroupMessage[] = [];
  const throttled: number[] = [];
  const due = new DueRows<DueRow>(connection, order, {
    sql: statements[table].due,
    expected: order.limit,
    compare: (one, other) => one[1] - other[1] || one[0] - other[0],
  });
  let found = 0;
  while (found < order.limit) {
    const row = due.next();
    if (row === undefined) break;
    if (throttled.length >= mostThrottled) return { found, heads, throttled, areLeft: true };
    const [sequence, turn, mayStart, key, topic, source] = row;
    if (mayStart === 0) continue;
    const room = rooms.of(text(topic), text(source));
    if (room !== undefined && room.left <= 0) throttled.push(sequence);
    else {
      found++;
      if (room !== undefined) room.left--;
      if (key !== null) heads.push({ sequence, key, turn });
    }
  }
  return { found, heads, throttled, areLeft: false };
}
