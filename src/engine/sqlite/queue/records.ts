/** Rows of a queue's table, and the messages they stand for. */
import {
  type ClaimedMessage,
  dedupKeyOf,
  type MessageRecord,
  type MessageStatus,
  messageLimits,
  type QueueName,
} from '../../work-queue.ts';
import { type StoredText, text, textColumn, textOrNull } from '../text.ts';
import { dateOrNull } from '../time.ts';

export type QueueTable = 'Outbox' | 'Inbox';

export const tableOf: Readonly<Record<QueueName, QueueTable>> = { outbox: 'Outbox', inbox: 'Inbox' };

/** Statements of one concern for every queue's table, built once. */
export function perTable<T>(build: (table: QueueTable) => T): Readonly<Record<QueueTable, T>> {
  return { Outbox: build('Outbox'), Inbox: build('Inbox') };
}

/** The columns of a `ClaimRow`, for a SELECT list. */
export const claimColumns = [
  'Sequence',
  'MessageId',
  textColumn('Topic'),
  textColumn('Payload'),
  textColumn('Headers'),
  textColumn('CorrelationId'),
  textColumn('OrderingKey'),
  'EnqueuedUtc',
  'DueUtc',
  'Attempts',
  'Parks',
  'Recovered',
  textColumn('Source'),
  textColumn('DedupKey'),
].join(', ');

/** Read as an array: of all that is read, claimed rows are by far the most. */
export type ClaimRow = readonly [
  sequence: number,
  messageId: string,
  topic: StoredText,
  payload: StoredText,
  headers: StoredText | null,
  correlationId: StoredText | null,
  orderingKey: StoredText | null,
  enqueuedUtc: number,
  dueUtc: number,
  attempts: number,
  parks: number,
  recovered: number,
  source: StoredText,
  dedupKey: StoredText | null,
  ...more: unknown[],
];

/** The message as it is handed out, its start counted (Q5), from a row read before the claim. */
export function claimedMessage(row: ClaimRow): ClaimedMessage {
  return new RowMessage(row);
}

/**
 * A class and no literal: V8 moves the making of a literal that survives often straight into the old generation, where
 * each message, though long dead, keeps its payload until the next full collection. In some processes a drain at batch
 * 500 grew by 150 MiB so.
 */
class RowMessage implements ClaimedMessage {
  readonly sequence: number;
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
  readonly attempt: number;
  readonly parks: number;
  readonly recovered: boolean;
  readonly source: string | null;
  readonly dedupKey: string | null;

  constructor(row: ClaimRow) {
    this.sequence = row[0];
    this.messageId = row[1];
    this.topic = text(row[2]);
    this.payload = text(row[3]);
    this.headers = headers(row[4]);
    this.correlationId = textOrNull(row[5]);
    this.orderingKey = textOrNull(row[6]);
    this.enqueuedUtc = new Date(row[7]);
    this.dueUtc = new Date(row[8]);
    this.attempt = row[9] + 1;
    this.parks = row[10];
    this.recovered = row[11] === 1;
    this.source = text(row[12]) || null;
    this.dedupKey = row[13] === null ? null : dedupKeyOf(text(row[13]));
  }
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Headers written by other programs may hold other values than strings; those come as their JSON. */
function headers(stored: StoredText | null): Readonly<Record<string, string>> {
  if (stored === null) return noHeaders;
  const parsed: unknown = JSON.parse(text(stored));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return noHeaders;
  const entries = Object.entries(parsed);
  if (entries.every(([, value]) => typeof value === 'string')) return parsed as Record<string, string>;
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

const restColumns = [
  'Status',
  'ClaimFence',
  textColumn('LastError'),
  textColumn('FirstError'),
  'ReplayCount',
  'SettledUtc',
  'Blocked',
].join(', ');

/** The columns of a `RecordRow`, for a SELECT list. */
export const recordColumns = `${restColumns}, ${claimColumns}`;

/** Read as an array. */
export type RecordRow = readonly [
  status: MessageStatus,
  claimFence: number | null,
  lastError: StoredText | null,
  firstError: StoredText | null,
  replayCount: number,
  settledUtc: number | null,
  blocked: number,
  ...claim: ClaimRow,
];

export function messageRecord(row: RecordRow): MessageRecord {
  const [status, claimFence, lastError, firstError, replayCount, settledUtc, blocked, ...claim] = row;
  const { attempt, ...message } = claimedMessage(claim);
  return {
    ...message,
    status,
    attempts: attempt - 1,
    claimFence,
    lastError: textOrNull(lastError),
    firstError: textOrNull(firstError),
    replayCount,
    settledUtc: dateOrNull(settledUtc),
    blocked: blocked === 1,
  };
}

/** An error cut to what is kept (Q14), never through the middle of a surrogate pair. */
export function keptError(error: string): string {
  const limit = messageLimits.errorCharacters;
  if (error.length <= limit) return error;
  const last = error.charCodeAt(limit - 1);
  return error.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}
