/** Converts rows of a queue's table to messages. */

import { type ClaimedMessage, dedupKeyOf, type MessageRecord, type MessageStatus } from '../../message.ts';
import { headersOf, tooLarge, UnreadableValue } from '../../stored-values.ts';
import type { QueueName } from '../../work-queue.ts';
import type { Row } from '../database.ts';
import { unescapeNul } from '../text.ts';

/** The prefix of a queue's table and procedures. */
export const tableOf: Readonly<Record<QueueName, string>> = { outbox: 'Outbox', inbox: 'Inbox' };

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Every message's id is a UUID here, so that another id names none. */
export function mayBeId(messageId: string): boolean {
  return uuidPattern.test(messageId);
}

export interface ClaimRow {
  /** A bigint, which the driver returns as text. */
  readonly Sequence: string;
  readonly MessageId: string;
  readonly Topic: string;
  /** Null when the content is too large to be read. */
  readonly Payload: string | null;
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
  readonly EndReason: string | null;
  readonly Blocked: boolean;
}

/** A row that cannot be read gives a message that says why (Q15). The types of the other columns fit. */
export function claimedMessage(row: ClaimRow): ClaimedMessage {
  try {
    return { ...stateOf(row), ...contentOf(row) };
  } catch (error) {
    if (!(error instanceof UnreadableValue)) throw error;
    return { ...stateOf(row), payload: '', headers: {}, unreadable: error.message };
  }
}

/** @throws UnreadableValue */
function contentOf({ Payload, PayloadEscaped, Headers }: ClaimRow) {
  if (Payload === null) throw new UnreadableValue(tooLarge);
  return { payload: PayloadEscaped ? unescapeNul(Payload) : Payload, headers: headersOf(Headers) };
}

function stateOf(row: ClaimRow): Omit<ClaimedMessage, 'payload' | 'headers'> {
  return {
    sequence: Number(row.Sequence),
    messageId: row.MessageId.toLowerCase(),
    topic: row.Topic,
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
    endReason: row.EndReason,
    blocked: row.Blocked,
  };
}

function error(stored: string | null): string | null {
  return stored === null ? null : unescapeNul(stored);
}
