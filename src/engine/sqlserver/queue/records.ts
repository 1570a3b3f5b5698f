/** Converts rows of a queue's table to messages. */
import { headersOf } from '../../stored-values.ts';
import {
  type ClaimedMessage,
  dedupKeyOf,
  type MessageRecord,
  type MessageStatus,
  type QueueName,
} from '../../work-queue.ts';
import type { Row } from '../database.ts';
import { unescapeNul } from '../text.ts';

/** The prefix of a queue's table and procedures. */
export const tableOf: Readonly<Record<QueueName, string>> = { outbox: 'Outbox', inbox: 'Inbox' };

export interface ClaimRow {
  /** A bigint, which the driver returns as text. */
  readonly Sequence: string;
  readonly MessageId: string;
  readonly Topic: string;
  readonly Payload: string;
  readonly PayloadEscaped: boolean;
  readonly Headers: string | null;
  readonly CorrelationId: string | null;
  readonly OrderingKey: string | null;
  readonly EnqueuedUtc: Date;
  readonly DueUtc: Date;
  readonly Attempts: number;
  readonly Parks: number;
  readonly Recovered: boolean;
  readonly Source: string;
  readonly DedupKey: string | null;
}

interface RecordRow extends ClaimRow {
  readonly Status: MessageStatus;
  readonly ClaimFence: string | null;
  readonly LastError: string | null;
  readonly FirstError: string | null;
  readonly ReplayCount: number;
  readonly SettledUtc: Date | null;
  readonly Blocked: boolean;
}

export function claimedMessage(row: ClaimRow): ClaimedMessage {
  return {
    sequence: Number(row.Sequence),
    messageId: row.MessageId.toLowerCase(),
    topic: row.Topic,
    payload: row.PayloadEscaped ? unescapeNul(row.Payload) : row.Payload,
    headers: headersOf(row.Headers),
    correlationId: row.CorrelationId,
    orderingKey: row.OrderingKey,
    enqueuedUtc: row.EnqueuedUtc,
    dueUtc: row.DueUtc,
    attempt: row.Attempts,
    parks: row.Parks,
    recovered: row.Recovered,
    source: row.Source || null,
    dedupKey: row.DedupKey === null ? null : dedupKeyOf(row.DedupKey),
  };
}

export function messageRecord(raw: Row): MessageRecord {
  const row = raw as unknown as RecordRow;
  const { attempt, ...message } = claimedMessage(row);
  return {
    ...message,
    status: row.Status,
    attempts: attempt,
    claimFence: row.ClaimFence === null ? null : Number(row.ClaimFence),
    lastError: error(row.LastError),
    firstError: error(row.FirstError),
    replayCount: row.ReplayCount,
    settledUtc: row.SettledUtc,
    blocked: row.Blocked,
  };
}

function error(stored: string | null): string | null {
  return stored === null ? null : unescapeNul(stored);
}
