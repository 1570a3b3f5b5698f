import type { DatabaseSync } from 'node:sqlite';
import { type MessageRecord, MessageStatus } from '../engine/message.ts';
import { allMessages } from '../engine/sqlite/index.ts';
import { type QueueName, queueNames } from '../engine/work-queue.ts';
import { MultiOutboxError, shownValue } from '../errors.ts';

/** A stored message, as `enqueued` returns it. */
export interface TestMessage extends Omit<MessageRecord, 'status'> {
  readonly status: 'ready' | 'claimed' | 'done' | 'dead';
  /** The parsed payload; the text itself when it is not JSON. */
  readonly data: unknown;
}

/** Selects the messages that match every given condition. */
export interface EnqueuedFilter {
  /** Default: the first tenant. */
  readonly tenantId?: string;
  /** Default: 'outbox'. */
  readonly queue?: QueueName;
  /** Compared case-insensitively. */
  readonly topic?: string;
  readonly status?: TestMessage['status'];
}

export function storedMessages(
  database: DatabaseSync,
  { queue = 'outbox', topic, status }: EnqueuedFilter,
): TestMessage[] {
  if (!queueNames.includes(queue)) throw wrong('queue', queueNames, queue);
  if (status !== undefined && !Object.values(statuses).includes(status))
    throw wrong('status', Object.values(statuses), status);
  if (topic !== undefined && typeof topic !== 'string')
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `enqueued: 'topic' must be text, got ${shownValue(topic)}.`,
    );
  return allMessages(database, queue)
    .map((record) => ({ ...record, status: statusOf(record), data: dataOf(record) }))
    .filter((message) => topic === undefined || message.topic.toLowerCase() === topic.toLowerCase())
    .filter((message) => status === undefined || message.status === status);
}

const statuses = {
  [MessageStatus.Ready]: 'ready',
  [MessageStatus.Claimed]: 'claimed',
  [MessageStatus.Done]: 'done',
  [MessageStatus.Dead]: 'dead',
} as const;

function wrong(name: string, known: readonly string[], given: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_ARGUMENT',
    `enqueued: '${name}' must be one of ${known.join(', ')}, got ${shownValue(given)}.`,
  );
}

function statusOf({ status }: MessageRecord): TestMessage['status'] {
  return statuses[status];
}

function dataOf({ payload }: MessageRecord): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
