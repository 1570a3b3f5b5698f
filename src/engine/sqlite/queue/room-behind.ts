/**
 * The messages behind their heads that a claim may take of topics with a limit (Q4): at most as many as there is room for,
 * beside the heads. Without a bound they would fill the run with messages that wait for each other.
 */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { type StoredText, text, textColumn, textOfBytes } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';
import type { Rooms } from './rooms.ts';

const statements = perTable((table) => ({
  /** Reads no payload. */
  next: `SELECT Sequence, ${acceptedTime('DueUtc')}, ${textColumn('Topic')}, ${textColumn('Source')}, Status = 0
    FROM ${table} INDEXED BY ${table}_Group
    WHERE OrderingKey = ${textOfBytes('?')} AND InGroup = 1 AND Sequence > ? ORDER BY Sequence LIMIT 1`,
}));

type NextRow = readonly [
  sequence: number,
  dueUtc: number,
  topic: StoredText,
  source: StoredText,
  isReady: 0 | 1,
];

/** A message of an ordering group, for which the claim has room. */
export interface GroupMessage {
  readonly sequence: number;
  readonly key: Uint8Array;
  /** Its due time, or that of a message before it if that is later. */
  readonly turn: number;
}

/**
 * Returns the sequences of the messages that have room; messages of topics without a limit are not among them. Each
 * head's next message comes before the ones behind that, so that the heads' keys go on at once. A group ends before its
 * first message without room.
 *
 * @param limit how many messages behind their heads to look at
 */
export function messagesWithRoomBehind(
  connection: Connection,
  table: QueueTable,
  rooms: Rooms,
  heads: readonly GroupMessage[],
  { limit, now }: { readonly limit: number; readonly now: number },
): ReadonlySet<number> {
  const withRoom = new Set<number>();
  let ends = heads;
  for (let read = 0; ends.length > 0 && read < limit; read += ends.length) {
    const behind = ends.flatMap((end) => messageBehind(connection, table, end, now) ?? []);
    behind.sort((one, other) => one.turn - other.turn || one.sequence - other.sequence);
    ends = behind.filter(({ sequence, topic, source }) => {
      const room = rooms.of(topic, source);
      if (room === undefined) return true;
      if (room.left <= 0) return false;
      room.left--;
      withRoom.add(sequence);
      return true;
    });
  }
  return withRoom;
}

function messageBehind(
  connection: Connection,
  table: QueueTable,
  { key, sequence: before, turn }: GroupMessage,
  now: number,
): (GroupMessage & { readonly topic: string; readonly source: string }) | null {
  const row = connection.getTuple<NextRow>(statements[table].next, key, before);
  if (row === undefined) return null;
  const [sequence, dueUtc, topic, source, isReady] = row;
  if (isReady === 0 || dueUtc > now) return null;
  return { sequence, key, turn: Math.max(turn, dueUtc), topic: text(topic), source: text(source) };
}
