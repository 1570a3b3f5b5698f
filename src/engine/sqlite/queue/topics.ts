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

const select = (table: QueueTable, index: TopicIndex, behind = '') =>
  `SELECT ${textColumn('Topic')}, ${textColumn('Source')} FROM ${table} INDEXED BY ${table}_${index}
    WHERE ${topicIndexes[index]} ${behind} ORDER BY Topic, Source LIMIT 1`;

const walk = (table: QueueTable, index: TopicIndex) => ({
  first: select(table, index),
  next: select(table, index, 'AND (Topic, Source) > (?, ?)'),
});

const statements = perTable((table) => ({
  Throttled: walk(table, 'Throttled'),
  Parked: walk(table, 'Parked'),
}));

/** A topic as it is spelled in the rows. `source` is empty for messages without a source. */
export interface StoredTopic {
  readonly topic: string;
  readonly source: string;
}

interface TopicRow {
  readonly Topic: StoredText;
  readonly Source: StoredText;
}

/** Bounded, because a faulty producer may create any number of topics. */
const mostTopics = 1_000;

/** Yields the topics in the index, each with each of its sources. */
export function* topicsIn(
  connection: Connection,
  table: QueueTable,
  index: TopicIndex,
): Generator<StoredTopic> {
  const { first, next } = statements[table][index];
  let row = connection.get<TopicRow>(first);
  for (let read = 1; row !== undefined; read++) {
    const topic = text(row.Topic);
    const source = text(row.Source);
    yield { topic, source };
    if (read === mostTopics) return;
    row = connection.get<TopicRow>(next, topic, source);
  }
}
