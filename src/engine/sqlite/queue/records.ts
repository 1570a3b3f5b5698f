/** Rows of a queue's table, and the messages they stand for. */
import {
  type ClaimedMessage,
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
  textColumn('CorrelationId'),
  textColumn('OrderingKey'),
  'EnqueuedUtc',
  'DueUtc',
  'Attempts',
  'Parks',
  'Recovered',
  textColumn('Headers'),
  textColumn('Payload'),
].join(', ');

export interface ClaimRow {
  readonly Sequence: number;
  readonly MessageId: string;
  readonly Topic: StoredText;
  readonly CorrelationId: StoredText | null;
  readonly OrderingKey: StoredText | null;
  readonly EnqueuedUtc: number;
  readonly DueUtc: number;
  /** Before this claim. */
  readonly Attempts: number;
  readonly Parks: number;
  readonly Recovered: number;
  readonly Headers: StoredText | null;
  readonly Payload: StoredText;
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

function common(row: ClaimRow) {
  return {
    sequence: row.Sequence,
    messageId: row.MessageId,
    topic: text(row.Topic),
    payload: text(row.Payload),
    headers: headers(row.Headers),
    correlationId: textOrNull(row.CorrelationId),
    orderingKey: textOrNull(row.OrderingKey),
    enqueuedUtc: new Date(row.EnqueuedUtc),
    dueUtc: new Date(row.DueUtc),
    parks: row.Parks,
    recovered: row.Recovered === 1,
  };
}

/** The message as it is handed out, after the claim has counted its start (Q5). */
export function claimedMessage(row: ClaimRow): ClaimedMessage {
  return { ...common(row), attempt: row.Attempts + 1 };
}

export const recordColumns = [
  claimColumns,
  'Status',
  textColumn('DedupKey'),
  'ClaimFence',
  textColumn('LastError'),
  textColumn('FirstError'),
  'ReplayCount',
  'SettledUtc',
  'HeldBack',
].join(', ');

export interface RecordRow extends ClaimRow {
  readonly Status: MessageStatus;
  readonly DedupKey: StoredText | null;
  readonly ClaimFence: number | null;
  readonly LastError: StoredText | null;
  readonly FirstError: StoredText | null;
  readonly ReplayCount: number;
  readonly SettledUtc: number | null;
  readonly HeldBack: number;
}

export function messageRecord(row: RecordRow): MessageRecord {
  return {
    ...common(row),
    status: row.Status,
    dedupKey: textOrNull(row.DedupKey),
    attempts: row.Attempts,
    claimFence: row.ClaimFence,
    lastError: textOrNull(row.LastError),
    firstError: textOrNull(row.FirstError),
    replayCount: row.ReplayCount,
    settledUtc: dateOrNull(row.SettledUtc),
    heldBack: row.HeldBack === 1,
  };
}

/** An error cut to what is kept (Q14), never through the middle of a surrogate pair. */
export function keptError(error: string): string {
  const limit = messageLimits.errorCharacters;
  if (error.length <= limit) return error;
  const last = error.charCodeAt(limit - 1);
  return error.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}
