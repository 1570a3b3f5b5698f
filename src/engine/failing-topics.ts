/** The topics of a tenant that fail now (S1): merged from the reports of its runs, and their stored form. */
import { aheadMs } from './stored-counts.ts';
import { parsedJson, UnreadableValue } from './stored-values.ts';
import type { FailingTopic, TenantReport } from './tenant-report.ts';
import { type QueueName, queueNames } from './work-queue.ts';

/** The most topics kept for a tenant: those that failed last. A fault that all topics have shows in any of them. */
const mostTopics = 20;
/** Characters of an error: what a line of status can show. */
const errorCharacters = 300;

type Results = Pick<TenantReport, 'failing' | 'succeeded' | 'queues'>;

/** What the registry holds when it has stored the rest of a report. Times are milliseconds by its clock. */
export interface Held {
  readonly nowUtc: number;
  /** By queue: the time at which it was counted as empty; null if it holds messages, or if that is not known. */
  readonly emptyUtc: Readonly<Record<QueueName, number | null>>;
}

/**
 * A topic fails since its first failed attempt after its last success. A run that has served another queue for long
 * reports late: a failure that another run has reported since is newer than its results.
 */
export function mergedFailingTopics(
  stored: readonly FailingTopic[],
  { failing = [], succeeded = [], queues = {} }: Results,
  { nowUtc, emptyUtc }: Held,
): FailingTopic[] {
  const key = ({ queue, topic, source }: Pick<FailingTopic, 'queue' | 'topic' | 'source'>) =>
    JSON.stringify([queue, topic.toLowerCase(), source]);
  const topics = new Map(stored.map((each) => [key(each), each]));
  const isAfter = ({ lastUtc }: FailingTopic, utc: number) =>
    lastUtc.getTime() > utc && lastUtc.getTime() <= nowUtc + aheadMs;
  for (const each of succeeded) {
    const earlier = topics.get(key(each));
    const asOfUtc = nowUtc - (queues[each.queue]?.ageMs ?? 0);
    if (earlier !== undefined && !isAfter(earlier, asOfUtc)) topics.delete(key(each));
  }
  for (const { queue, topic, source, failures, sinceMs, lastMs, isNew, messageId, error } of failing) {
    const known = topics.get(key({ queue, topic, source }));
    const [sinceUtc, lastUtc] = [new Date(nowUtc - sinceMs), new Date(nowUtc - lastMs)];
    const isLate = known !== undefined && isAfter(known, lastUtc.getTime());
    const last = isLate ? known : { lastUtc, messageId, error };
    const first = !isLate && isNew ? undefined : known;
    topics.set(key({ queue, topic, source }), {
      queue,
      topic,
      source,
      sinceUtc: first !== undefined && first.sinceUtc < sinceUtc ? first.sinceUtc : sinceUtc,
      lastUtc: last.lastUtc,
      failures: (first?.failures ?? 0) + failures,
      messageId: last.messageId,
      error: last.error.slice(0, errorCharacters).toWellFormed(),
    });
  }
  // In an empty queue no message is left that could fail, for instance because an operator has discarded the dead ones.
  const isOver = (each: FailingTopic) =>
    emptyUtc[each.queue] !== null && !isAfter(each, emptyUtc[each.queue]!);
  return [...topics.values()]
    .filter((each) => !isOver(each))
    .sort((a, b) => b.lastUtc.getTime() - a.lastUtc.getTime())
    .slice(0, mostTopics);
}

/** @throws UnreadableValue */
export function failingTopicsOf(stored: string): FailingTopic[] {
  const topics = parsedJson('FailingTopics', stored);
  if (!Array.isArray(topics)) throw new UnreadableValue('FailingTopics is not a list');
  return topics.map((each) => {
    const { queue, topic, source, sinceUtc, lastUtc, failures, messageId, error } = Object(each);
    const [since, last] = [new Date(sinceUtc), new Date(lastUtc)];
    const isReadable =
      queueNames.includes(queue) &&
      (source === null || typeof source === 'string') &&
      [topic, sinceUtc, lastUtc, messageId, error].every((value) => typeof value === 'string') &&
      Number.isSafeInteger(failures) &&
      !Number.isNaN(since.getTime() + last.getTime());
    if (!isReadable) throw new UnreadableValue('FailingTopics is not a list of topics');
    return Object.freeze({
      queue,
      topic,
      source,
      sinceUtc: since,
      lastUtc: last,
      failures,
      messageId,
      error,
    });
  });
}
