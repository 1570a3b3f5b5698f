/**
 * Topics at their limit (Q4). A claim first throttles the due messages for which their topic has no room: it takes them
 * out of the index of due messages, so that neither this claim nor a later one reads them. A claim that has room for
 * their topic puts as many back as there is room for. Followers cannot start, so they use no room here.
 */
import type { ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { type StoredText, text, textColumn } from '../text.ts';
import { isFreeHead, keyColumn } from './ordering.ts';
import { perTable, type QueueTable } from './records.ts';
import { Rooms } from './rooms.ts';
import { type StoredTopic, topicIndexes, topicsIn } from './topics.ts';

const statements = perTable((table) => ({
  any: `SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled} LIMIT 1`,
  ofTopic: `SELECT Sequence, ${keyColumn} FROM ${table} INDEXED BY ${table}_Throttled
    WHERE ${topicIndexes.Throttled} AND Topic = ? AND Source = ? ORDER BY DueUtc, Sequence`,
  /** Reads no payload. */
  due: `SELECT Sequence, ${keyColumn}, ${textColumn('Topic')}, ${textColumn('Source')}
    FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND Blocked = 0 AND DueUtc <= ? ORDER BY DueUtc, Sequence`,
  block: `UPDATE ${table} SET Blocked = ? WHERE Sequence IN (SELECT value FROM json_each(?))`,
}));

type ThrottledRow = readonly [sequence: number, key: Uint8Array | null];
type DueRow = readonly [sequence: number, key: Uint8Array | null, topic: StoredText, source: StoredText];

/** The most messages that one claim throttles, because it holds its locks until then. */
const mostThrottled = 4_000;

export function hasThrottled(connection: Connection, table: QueueTable): boolean {
  return connection.get(statements[table].any) !== undefined;
}

export interface Throttled {
  /** The most messages that the claim may take from the front of the index of due messages. */
  readonly limit: number;
  /** Whether due messages were not looked at, because one call throttles a limited number. */
  readonly areLeft: boolean;
}

/**
 * Makes the front of the index of due messages one that a claim may take as it is. Call it within a write transaction,
 * before the claim.
 */
export function throttle(
  connection: Connection,
  table: QueueTable,
  { rooms = [], limit, now }: Pick<ClaimLimits, 'rooms' | 'limit'> & { readonly now: number },
): Throttled {
  putBack(connection, table, new Rooms(rooms), limit);
  if (rooms.length === 0) return { limit, areLeft: false };
  const { found, throttled, areLeft } = readDue(connection, table, new Rooms(rooms), limit, now);
  setBlocked(connection, table, throttled, 2);
  return areLeft ? { limit: found, areLeft } : { limit, areLeft };
}

function putBack(connection: Connection, table: QueueTable, rooms: Rooms, limit: number): void {
  for (const stored of topicsIn(connection, table, 'Throttled')) {
    const { topic, source } = stored;
    const count = Math.min(limit, rooms.of(topic, source)?.left ?? limit);
    if (count <= 0) continue;
    const { heads, followers } = oldestOf(connection, table, stored, count);
    setBlocked(connection, table, heads, 0);
    setBlocked(connection, table, followers, 1);
  }
}

/**
 * Reads the oldest throttled messages of a topic, until it has found `count` that may start. The others have become
 * followers, because a message before them was replayed.
 */
function oldestOf(
  connection: Connection,
  table: QueueTable,
  { topic, source }: StoredTopic,
  count: number,
): { heads: number[]; followers: number[] } {
  const heads: number[] = [];
  const followers: number[] = [];
  const rows = connection.iterateTuples<ThrottledRow>(statements[table].ofTopic, topic, source);
  try {
    for (let next = rows.next(); next.done !== true; next = rows.next()) {
      const [sequence, key] = next.value;
      const isFree = key === null || isFreeHead(connection, table, sequence, key);
      (isFree ? heads : followers).push(sequence);
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

/** Reads due messages until it has found `limit` with room. */
function readDue(
  connection: Connection,
  table: QueueTable,
  rooms: Rooms,
  limit: number,
  now: number,
): { found: number; throttled: number[]; areLeft: boolean } {
  const throttled: number[] = [];
  const due = connection.iterateTuples<DueRow>(statements[table].due, now);
  let found = 0;
  try {
    for (let next = due.next(); next.done !== true && found < limit; next = due.next()) {
      if (throttled.length >= mostThrottled) return { found, throttled, areLeft: true };
      const [sequence, key, topic, source] = next.value;
      const room = rooms.of(text(topic), text(source));
      if (room !== undefined && key !== null && !isFreeHead(connection, table, sequence, key)) continue;
      if (room !== undefined && room.left <= 0) throttled.push(sequence);
      else {
        found++;
        if (room !== undefined) room.left--;
      }
    }
    return { found, throttled, areLeft: false };
  } finally {
    due.return?.();
  }
}
