/** The topics of a tenant that fail now (S1): merged from the reports of its runs, and their stored form. */
import type { FailingTopic, TenantReport } from './registry.ts';
import { isEmpty } from './stored-counts.ts';
import { parsedJson, UnreadableValue } from './stored-values.ts';
import { type QueueName, queueNames } from './work-queue.ts';

/** The most topics kept for a tenant: those that failed last. A fault that all topics have shows in any of them. */
const mostTopics = 20;
/** Characters of an error: what a line of status can show. */
const errorCharacters = 300;

type Results = Pick<TenantReport, 'failing' | 'succeeded' | 'queues'>;

/** Whether the report says anything about topics, so that the stored ones must be read. */
export function reportsTopics(report: Results): boolean {
  const { failing = [], succeeded = [] } = report;
  return failing.length + succeeded.length + emptyQueues(report).length > 0;
}

function emptyQueues({ queues = {} }: Results): QueueName[] {
  return queueNames.filter((name) => queues[name] !== undefined && isEmpty(queues[name]));
}

/** A topic fails since its first failed attempt after its last success. @param nowUtc the registry's clock, milliseconds */
export function mergedFailingTopics(
  stored: readonly FailingTopic[],
  report: Results,
  nowUtc: number,
): FailingTopic[] {
  const { failing = [], succeeded = [] } = report;
  const empty = emptyQueues(report);
  const key = ({ queue, topic }: { queue: string; topic: string }) => `${queue} ${topic.toLowerCase()}`;
  // In an empty queue no message is left that could fail, for instance because an operator has discarded the dead ones.
  const left = stored.filter(({ queue }) => !empty.includes(queue));
  const topics = new Map(left.map((each) => [key(each), each]));
  for (const each of succeeded) topics.delete(key(each));
  for (const { queue, topic, failures, sinceMs, lastMs, isNew, messageId, error } of failing) {
    const earlier = isNew ? undefined : topics.get(key({ queue, topic }));
    topics.set(key({ queue, topic }), {
      queue,
      topic,
      sinceUtc: earlier?.sinceUtc ?? new Date(nowUtc - sinceMs),
      lastUtc: new Date(nowUtc - lastMs),
      failures: (earlier?.failures ?? 0) + failures,
      messageId,
      error: error.slice(0, errorCharacters).toWellFormed(),
    });
  }
  return [...topics.values()].sort((a, b) => b.lastUtc.getTime() - a.lastUtc.getTime()).slice(0, mostTopics);
}

/** @throws UnreadableValue */
export function failingTopicsOf(stored: string): FailingTopic[] {
  const topics = parsedJson('FailingTopics', stored);
  if (!Array.isArray(topics)) throw new UnreadableValue('FailingTopics is not a list');
  return topics.map((each) => {
    const { queue, topic, sinceUtc, lastUtc, failures, messageId, error } = Object(each);
    const [since, last] = [new Date(sinceUtc), new Date(lastUtc)];
    const isReadable =
      queueNames.includes(queue) &&
      [topic, sinceUtc, lastUtc, messageId, error].every((value) => typeof value === 'string') &&
      Number.isSafeInteger(failures) &&
      !Number.isNaN(since.getTime() + last.getTime());
    if (!isReadable) throw new UnreadableValue('FailingTopics is not a list of topics');
    return Object.freeze({ queue, topic, sinceUtc: since, lastUtc: last, failures, messageId, error });
  });
}
