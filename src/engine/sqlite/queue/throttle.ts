/**
 * Topics at their limit (Q4). A claim first throttles the due messages for which their topic has no room: it takes them
 * out of the index of due messages, so that neither this claim nor a later one reads them. A claim that has room for
 * their topic puts as many back as there is room for.
 */
import type { ClaimLimits, TopicRoom } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { foldCase } from '../file.ts';
import { type StoredText, text, textColumn } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';
import { topicIndexes, topicsIn } from './topics.ts';

const statements = perTable((table) => ({
  any: `SELECT 1 FROM ${table} INDEXED BY ${table}_Throttled WHERE ${topicIndexes.Throttled} LIMIT 1`,
  putBack: `UPDATE ${table} SET Blocked = 0 WHERE Sequence IN (
    SELECT Sequence FROM ${table} INDEXED BY ${table}_Throttled
    WHERE ${topicIndexes.Throttled} AND Topic = ? AND Source = ? ORDER BY DueUtc, Sequence LIMIT ?)`,
  /** Reads no payload. */
  due: `SELECT Sequence, ${textColumn('Topic')}, ${textColumn('Source')} FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND Blocked = 0 AND DueUtc <= ? ORDER BY DueUtc, Sequence`,
  throttle: `UPDATE ${table} SET Blocked = 2 WHERE Sequence IN (SELECT value FROM json_each(?))`,
}));

type DueRow = readonly [sequence: number, topic: StoredText, source: StoredText];

/** The most messages that one claim throttles, because it holds its locks until then. */
const mostThrottled = 4_000;

/** How many more messages of each topic may be claimed. */
class Rooms {
  readonly #byTopic = new Map<string, Map<string, { left: number }>>();

  constructor(rooms: readonly TopicRoom[]) {
    for (const { topic, source = '', room } of rooms) {
      const key = foldCase(topic);
      const bySource = this.#byTopic.get(key) ?? new Map<string, { left: number }>();
      this.#byTopic.set(key, bySource.set(source, { left: room }));
    }
  }

  /** Undefined for a topic without a limit. */
  of(topic: string, source: string): { left: number } | undefined {
    const bySource = this.#byTopic.get(foldCase(topic));
    return bySource?.get(source) ?? bySource?.get('');
  }
}

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
  if (throttled.length > 0) connection.run(statements[table].throttle, JSON.stringify(throttled));
  return areLeft ? { limit: found, areLeft } : { limit, areLeft };
}

function putBack(connection: Connection, table: QueueTable, rooms: Rooms, limit: number): void {
  for (const { topic, source } of topicsIn(connection, table, 'Throttled')) {
    const count = Math.min(limit, rooms.of(topic, source)?.left ?? limit);
    if (count > 0) connection.run(statements[table].putBack, topic, source, count);
  }
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
      const [sequence, topic, source] = next.value;
      const room = rooms.of(text(topic), text(source));
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
