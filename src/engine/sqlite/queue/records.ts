/** Converts rows of a queue's table to messages. */
import { headersOf } from '../../stored-values.ts';
import {
  type ClaimedMessage,
  dedupKeyOf,
  type MessageRecord,
  type MessageStatus,
  type QueueName,
} from '../../work-queue.ts';
import { type StoredText, text, textColumn, textOrNull } from '../text.ts';
import { dateOrNull } from '../time.ts';

export type QueueTable = 'Outbox' | 'Inbox';

export const tableOf: Readonly<Record<QueueName, QueueTable>> = { outbox: 'Outbox', inbox: 'Inbox' };

/** Builds the statements of one concern once for each queue's table. */
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

/** Rows are arrays, because arrays are read faster and most rows read are claimed rows. */
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

/** Converts a row that was read before the claim; the result counts the new attempt (Q5). */
export function claimedMessage(row: ClaimRow): ClaimedMessage {
  return new RowMessage(row);
}

/**
 * This is a class and not an object literal, because V8 allocates literals that often survive directly in the old
 * generation. There each unreachable message keeps its payload until the next full collection. In some processes a
 * drain at batch 500 grew by 150 MiB that way.
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
    this.headers = headersOf(textOrNull(row[4]));
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

/** This is an array for the same reason as `ClaimRow`. */
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
