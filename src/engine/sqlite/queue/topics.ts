/** Reads the topics of an index of messages that begins with Topic and Source, with one seek for each of them. */
import type { Connection } from '../connection.ts';
import { text, textOfBytes } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';

/** The messages that such an index has, as a condition. */
export const topicIndexes = {
  Throttled: 'Status = 0 AND Blocked = 2',
  Parked: 'Status = 0 AND Parks > 0',
} as const;
export type TopicIndex = keyof typeof topicIndexes;

/** The names of the columns are not those of the table, which ORDER BY would then not use. */
const select = (table: QueueTable, index: TopicIndex, range: string) =>
  `SELECT CAST(Topic AS BLOB) AS TopicBytes, CAST(Source AS BLOB) AS SourceBytes FROM ${table} INDEXED BY ${table}_${index}
    WHERE ${topicIndexes[index]} ${range} ORDER BY Topic, Source LIMIT 1`;

/** Texts that other programs stored need not be UTF-8, so they are bound as bytes. Without the +, SQLite seeks by Topic only. */
const pair = `(+${textOfBytes('?')}, +${textOfBytes('?')})`;

const seeks = (table: QueueTable, index: TopicIndex) => ({
  first: select(table, index, ''),
  next: select(table, index, `AND (Topic, Source) > ${pair}`),
  firstUntil: select(table, index, `AND (Topic, Source) <= ${pair}`),
  nextUntil: select(table, index, `AND (Topic, Source) > ${pair} AND (Topic, Source) <= ${pair}`),
});

const statements = perTable((table) => ({
  Throttled: seeks(table, 'Throttled'),
  Parked: seeks(table, 'Parked'),
}));

/** A topic as it is spelled in the rows. `source` is empty for messages without a source. */
export interface StoredTopic {
  readonly topic: string;
  readonly source: string;
  /** The stored texts of both. */
  readonly bytes: readonly [topic: Uint8Array, source: Uint8Array];
}

interface TopicRow {
  readonly TopicBytes: Uint8Array;
  readonly SourceBytes: Uint8Array;
}

/**
 * The most topics that one call looks at; a topic counts once for each of its sources. There are few, but a faulty producer
 * may create any number of them. Each claim looks at throttled ones, and only the begin of a run at parked ones.
 */
const mostTopics = { Throttled: 200, Parked: 1_000 } as const;

/** Where the next walk over the topics of an index begins. */
export class TopicWalk {
  /** The last topic that the last walk looked at; null when it came to all of them. */
  after: StoredTopic | null = null;

  /** A walk that begins where this one does. */
  copy(): TopicWalk {
    return Object.assign(new TopicWalk(), this);
  }
}

/** The walks of a queue, one for each index. */
export class TopicWalks implements Readonly<Record<TopicIndex, TopicWalk>> {
  readonly Throttled: TopicWalk;
  readonly Parked: TopicWalk;

  constructor(throttled = new TopicWalk(), parked = new TopicWalk()) {
    this.Throttled = throttled;
    this.Parked = parked;
  }

  /** For a transaction, which may be rolled back: the walks themselves move only when it has been committed. */
  copy(): TopicWalks {
    return new TopicWalks(this.Throttled.copy(), this.Parked.copy());
  }
}

/**
 * Yields the topics in the index, each with each of its sources. Begins behind `walk.after`; after the last topic it goes
 * on with the first, until it is back. Moves `walk` on, unless the caller stops early.
 */
export function* topicsIn(
  connection: Connection,
  table: QueueTable,
  index: TopicIndex,
  walk: TopicWalk,
): Generator<StoredTopic> {
  const start = walk.after;
  let until: StoredTopic | null = null;
  let last = start;
  for (let read = 0; read < mostTopics[index]; ) {
    const found = nextTopic(connection, statements[table][index], last, until);
    if (found !== null) {
      yield found;
      last = found;
      read++;
    } else if (start !== null && until === null) {
      last = null;
      until = start;
    } else {
      walk.after = null;
      return;
    }
  }
  walk.after = last;
}

/** The first topic behind `behind`, or of all, that is not behind `until`; null when there is none. */
function nextTopic(
  connection: Connection,
  { first, next, firstUntil, nextUntil }: ReturnType<typeof seeks>,
  behind: StoredTopic | null,
  until: StoredTopic | null,
): StoredTopic | null {
  const bounds = [behind, until].flatMap((bound) => bound?.bytes ?? []);
  const sql = until === null ? (behind === null ? first : next) : behind === null ? firstUntil : nextUntil;
  const row = connection.get<TopicRow>(sql, ...bounds);
  if (row === undefined) return null;
  const { TopicBytes: topic, SourceBytes: source } = row;
  return { topic: text(topic), source: text(source), bytes: [topic, source] };
}
