/** Reads the topics of an index of messages that begins with Topic and Source, with one seek for each of them. */
import type { Connection } from '../connection.ts';
import { type StoredText, text, textColumn } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';

/** The messages that such an index has, as a condition. */
export const topicIndexes = {
  Throttled: 'Status = 0 AND Blocked = 2',
  Parked: 'Status = 0 AND Parks > 0',
} as const;
export type TopicIndex = keyof typeof topicIndexes;

const next = (table: QueueTable, index: TopicIndex) =>
  `SELECT ${textColumn('Topic')}, ${textColumn('Source')} FROM ${table} INDEXED BY ${table}_${index}
    WHERE ${topicIndexes[index]} AND (Topic, Source) > (?, ?) ORDER BY Topic, Source LIMIT 1`;

const statements = perTable((table) => ({
  Throttled: next(table, 'Throttled'),
  Parked: next(table, 'Parked'),
}));

/** A topic as it is spelled in the rows. `source` is empty for messages without a source. */
export interface StoredTopic {
  readonly topic: string;
  readonly source: string;
}

/** Bounded, because a faulty producer may create any number of topics. */
const mostTopics = 1_000;

/** Yields the topics in the index, each with each of its sources. */
export function* topicsIn(
  connection: Connection,
  table: QueueTable,
  index: TopicIndex,
): Generator<StoredTopic> {
  let last: StoredTopic = { topic: '', source: '' };
  for (let read = 0; read < mostTopics; read++) {
    const row = connection.get<{ Topic: StoredText; Source: StoredText }>(
      statements[table][index],
      last.topic,
      last.source,
    );
    if (row === undefined) return;
    last = { topic: text(row.Topic), source: text(row.Source) };
    yield last;
  }
}
