/** Parked messages, whose topic had no handler on the host that claimed them (D4). */
import type { HandledTopic, Parked } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { foldCase } from '../file.ts';
import { textOfBytes } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';
import { type StoredTopic, type TopicWalk, topicIndexes, topicsIn } from './topics.ts';

const waiting = (table: QueueTable) => `FROM ${table} INDEXED BY ${table}_Parked
    WHERE ${topicIndexes.Parked} AND Topic = ${textOfBytes('?')} AND Source = ${textOfBytes('?')} AND DueUtc > ?`;

const statements = perTable((table) => ({
  isWaiting: `SELECT 1 ${waiting(table)} LIMIT 1`,
  makeDue: `UPDATE ${table} SET DueUtc = ?, DueSetUtc = ? WHERE Sequence IN (
    SELECT Sequence ${waiting(table)} ORDER BY DueUtc, Sequence LIMIT ? + 0)`,
}));

/** The most messages that one call makes due, because it holds its locks until then. */
const mostMadeDue = 4_000;
/** The most topics reported. */
const mostReported = 20;

interface Found {
  /** Topics in the index that the host handles. */
  readonly handled: readonly StoredTopic[];
  /** The other topics. */
  readonly topics: readonly string[];
}

function find(
  connection: Connection,
  table: QueueTable,
  known: readonly HandledTopic[],
  walk: TopicWalk,
): Found {
  const handled: StoredTopic[] = [];
  const topics = new Set<string>();
  const keys = new Set(known.map(({ topic, source = null }) => JSON.stringify([foldCase(topic), source])));
  for (const each of topicsIn(connection, table, 'Parked', walk)) {
    const topic = foldCase(each.topic);
    const isHandled = [null, each.source].some((source) => keys.has(JSON.stringify([topic, source])));
    if (isHandled) handled.push(each);
    else if (topics.size < mostReported) topics.add(each.topic);
  }
  return { handled, topics: [...topics] };
}

/**
 * Reads whether messages of handled topics are parked: then `makeParkedDue` must be called, with a walk that begins where
 * this one began.
 */
export function readParked(
  connection: Connection,
  table: QueueTable,
  known: readonly HandledTopic[],
  walk: TopicWalk,
  now: number,
): Parked {
  const { handled, topics } = find(connection, table, known, walk);
  const more = handled.some(
    ({ bytes }) => connection.get(statements[table].isWaiting, ...bytes, now) !== undefined,
  );
  return { topics, more };
}

/** Makes parked messages of handled topics due now. Call it within a write transaction, as the lease's holder. */
export function makeParkedDue(
  connection: Connection,
  table: QueueTable,
  known: readonly HandledTopic[],
  walk: TopicWalk,
  now: number,
): Parked {
  const start = walk.after;
  const { handled, topics } = find(connection, table, known, walk);
  let left = mostMadeDue;
  for (const { bytes } of handled) {
    if (left > 0) left -= connection.run(statements[table].makeDue, now, now, ...bytes, now, left);
  }
  // Some may be left in these topics, so the next call looks at them again.
  if (left === 0) walk.after = start;
  return { topics, more: left === 0 };
}
