/** Listing, counting and showing messages: bounded in messages and time, and paged by a cursor. */
import type { MessageRecord } from '../../engine/message.ts';
import {
  type FindPart,
  type FoundMessage,
  type MessageFilter,
  type MessageState,
  type Position,
  type SearchPart,
  stateOf,
} from '../../engine/message-search.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { isMultiOutboxError } from '../../errors.ts';
import { cursorOf } from './selection.ts';

/** A message without payload and headers; plain JSON. Times are ISO text, UTC. */
export interface MessageSummary {
  readonly tenantId: string;
  readonly queue: QueueName;
  /** Empty when the stored id cannot be read. */
  readonly messageId: string;
  readonly state: MessageState;
  /** Whether it waits behind an earlier message of its ordering key. */
  readonly blocked: boolean;
  readonly topic: string;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  readonly source: string | null;
  readonly dedupKey: string | null;
  readonly enqueuedUtc: string;
  readonly dueUtc: string;
  /** When it became Dead, Done or cancelled; null before. */
  readonly settledUtc: string | null;
  readonly attempts: number;
  readonly parks: number;
  readonly replayCount: number;
  readonly recovered: boolean;
  readonly lastError: string | null;
  readonly firstError: string | null;
  /** Why an operator ended it; null for every other message. */
  readonly endReason: string | null;
  /** The message's number in its queue's table, a 64-bit integer as text. */
  readonly sequence: string;
  /** Why the row cannot be read; null when it can. */
  readonly unreadable: string | null;
}

export interface ListedMessage extends MessageSummary {
  /** The size of payload and headers, as stored. */
  readonly contentBytes: number;
  /** Give it to an act, so that the message is changed only while it is as it was listed. */
  readonly version: string;
}

/** A message with its content; plain JSON. */
export interface MessageDetails extends ListedMessage {
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The bounds of a search. */
export interface SearchBounds {
  /** The most messages that are examined. Default: 100,000; 10,000 when payloads are searched. */
  readonly examine?: number;
  /** Milliseconds after which no further part of the queue is searched. Default: 10,000. */
  readonly timeoutMs?: number;
}

/** A page of messages. */
export interface MessagePage {
  /**
   * Dead messages: the one that died first comes first. Done and cancelled ones: the one that ended last. Messages of an
   * ordering key that are Ready or Claimed: in their order. All others: the one that was stored last.
   */
  readonly messages: ListedMessage[];
  /** Give it with the same filter to read the next page; null when this page is the last. */
  readonly cursor: string | null;
  /** Why the search ended before the page was full; the cursor continues it. Null when it was not cut. */
  readonly cut: 'examined' | 'time' | null;
}

export interface MessageCount {
  readonly count: number;
  /**
   * Why the count ended early, so that there are as many messages or more. Null when it is exact, but for messages that a
   * run was changing at that moment.
   */
  readonly cut: 'examined' | 'time' | null;
}

export interface CheckedBounds {
  readonly examine: number;
  readonly timeoutMs: number;
}

export const defaultExamine = { payloads: 10_000, errors: 10_000, others: 100_000 };
/** Of one call to the database, which for SQLite keeps the event loop busy. */
const partSize = { payloads: 20, others: 5_000 };
const largestPart = 20_000;
/** Of the contents in which one call to the database searches. */
const partBytes = 16 * 1_024 * 1_024;
/**
 * A part that took less is followed by a larger one, and a part that took more by a smaller one. A part that was cut by its
 * bytes says how many messages have so many bytes; the next one asks for a few more, so that the size can grow again.
 */
const partMs = { short: 50, long: 200 };

/** Searches part after part until `search` says that it has enough, or a bound is reached. */
export async function inParts(
  queue: WorkQueue,
  filter: MessageFilter,
  {
    examine,
    timeoutMs,
    waits = false,
    most = largestPart,
  }: CheckedBounds & Pick<SearchPart, 'waits'> & { readonly most?: number },
  from: Position | null,
  search: (part: SearchPart) => Promise<{ next: Position | null; examined: number; isFull: boolean }>,
): Promise<{ next: Position | null; cut: MessagePage['cut'] }> {
  const startedAt = performance.now();
  let size = filter.payloadText === undefined ? partSize.others : partSize.payloads;
  let left = examine;
  let after = from;
  /** A walk that ended just where the bound is was not cut. This look must not leave out what the search waits for. */
  const cutAt = async (next: Position, cut: 'examined' | 'time') => {
    const ahead = await queue.find(filter, { limit: 0, examine: 1, after: next, waits });
    return ahead.next === null ? { next: null, cut: null } : { next, cut };
  };
  for (;;) {
    const partAt = performance.now();
    const part = Math.min(size, left, most);
    const { next, examined, isFull } = await search({
      examine: part,
      examineBytes: partBytes,
      ...(after !== null && { after }),
    });
    const now = performance.now();
    left -= examined;
    if (next === null || isFull) return { next, cut: null };
    if (left <= 0) return cutAt(next, 'examined');
    if (now - startedAt >= timeoutMs) return cutAt(next, 'time');
    after = next;
    if (examined < part) size = Math.min(size, examined * 2);
    else if (now - partAt < partMs.short) size = Math.min(size * 2, largestPart);
    else if (now - partAt > partMs.long) size = Math.max(1, Math.floor(size / 2));
  }
}

export interface FoundPage {
  readonly messages: FoundMessage[];
  readonly next: Position | null;
  readonly cut: MessagePage['cut'];
}

/** Finds up to `limit` messages behind a place. */
export async function findPage(
  queue: WorkQueue,
  filter: MessageFilter,
  bounds: CheckedBounds & Pick<FindPart, 'limit' | 'waits'> & { readonly after: Position | null },
): Promise<FoundPage> {
  const { waits = false } = bounds;
  const messages: FoundMessage[] = [];
  const { next, cut } = await inParts(queue, filter, bounds, bounds.after, async (part) => {
    const found = await queue.find(filter, { ...part, waits, limit: bounds.limit - messages.length });
    messages.push(...found.messages);
    return { ...found, isFull: messages.length >= bounds.limit };
  });
  return { messages, next, cut };
}

/**
 * With `waits`, a count that has waited for too long for the calls that are changing messages ends early: there are as many
 * messages or more.
 */
export async function countAll(
  queue: WorkQueue,
  filter: MessageFilter,
  bounds: CheckedBounds & Pick<SearchPart, 'waits'>,
): Promise<MessageCount> {
  const { waits = false } = bounds;
  let count = 0;
  try {
    const { cut } = await inParts(queue, filter, bounds, null, async (part) => {
      const counted = await queue.count(filter, { ...part, waits });
      count += counted.count;
      return { ...counted, isFull: false };
    });
    return { count, cut };
  } catch (error) {
    if (waits && isMultiOutboxError(error, 'DATABASE_LOCKED')) return { count, cut: 'time' };
    throw error;
  }
}

export function messagePage(
  tenantId: string,
  queue: QueueName,
  filter: MessageFilter,
  { messages, next, cut }: FoundPage,
): MessagePage {
  return {
    messages: messages.map((message) => listedMessage(tenantId, queue, message)),
    cursor: next === null ? null : cursorOf(filter, next),
    cut,
  };
}

function listedMessage(tenantId: string, queue: QueueName, message: FoundMessage): ListedMessage {
  const { contentBytes, version } = message;
  return { ...messageSummary(tenantId, queue, message), contentBytes, version };
}

export function messageDetails(
  tenantId: string,
  queue: QueueName,
  found: FoundMessage,
  { payload, headers, ...record }: MessageRecord,
): MessageDetails {
  return { ...listedMessage(tenantId, queue, { ...found, ...record }), payload, headers };
}

function messageSummary(
  tenantId: string,
  queue: QueueName,
  message: Omit<MessageRecord, 'payload' | 'headers'>,
): MessageSummary {
  const { messageId, blocked, topic, correlationId, orderingKey, source, dedupKey, attempts, parks } =
    message;
  const { replayCount, recovered, lastError, firstError, endReason, unreadable = null } = message;
  return {
    tenantId,
    queue,
    messageId,
    state: stateOf(message),
    blocked,
    topic,
    correlationId,
    orderingKey,
    source,
    dedupKey,
    enqueuedUtc: message.enqueuedUtc.toISOString(),
    dueUtc: message.dueUtc.toISOString(),
    settledUtc: message.settledUtc?.toISOString() ?? null,
    attempts,
    parks,
    replayCount,
    recovered,
    lastError,
    firstError,
    endReason,
    sequence: String(message.sequence),
    unreadable,
  };
}
