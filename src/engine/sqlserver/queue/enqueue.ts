/** Storing messages (Q3), in a call of its own or in the caller's transaction. */
import type { EnqueueResult, NewMessage } from '../../work-queue.ts';
import { bit, type Database, longText, type Parameters, type Row } from '../database.ts';
import { escapeNul, hasNul, wholeMs } from '../text.ts';
import { joinTransaction } from '../transaction.ts';

/** Messages as `EnqueueMany` takes them: texts of any length are arrays of their own. */
function parametersOf(messages: readonly NewMessage[]): Parameters {
  const payloads: unknown[] = [];
  const headers: (string | null)[] = [];
  const rest = messages.map(({ payload, headers: named, dueInMs = 0, ...message }, ordinal) => {
    const escaped = typeof payload === 'string' && hasNul(payload);
    payloads.push(escaped ? escapeNul(payload) : payload);
    headers.push(named === undefined ? null : JSON.stringify(named));
    return {
      ordinal,
      ...message,
      ...(escaped && { payloadEscaped: true }),
      ...(dueInMs > 0 && { delayMs: wholeMs(dueInMs) }),
    };
  });
  return {
    Messages: [longText, JSON.stringify(rest)],
    Payloads: [longText, JSON.stringify(payloads)],
    ...(headers.some((each) => each !== null) && { Headers: [longText, JSON.stringify(headers)] as const }),
  };
}

/** `ours`: whether a duplicate is our own message, stored by a first sending whose answer was lost. */
function results(
  messages: readonly NewMessage[],
  duplicates: readonly Row[],
  ours: (messageId: string, first: string, ageMs: number) => boolean,
): EnqueueResult[] {
  const stored: EnqueueResult[] = messages.map(({ messageId }) => ({ messageId, status: 'enqueued' }));
  for (const { Ordinal, MessageId, AgeMs } of duplicates) {
    const ordinal = Ordinal as number;
    const first = (MessageId as string).toLowerCase();
    if (ours(messages[ordinal]!.messageId.toLowerCase(), first, Number(AgeMs))) continue;
    stored[ordinal] = { messageId: first, status: 'duplicate' };
  }
  return stored;
}

export async function enqueue(
  database: Database,
  table: string,
  messages: readonly NewMessage[],
): Promise<EnqueueResult[]> {
  let firstSentAt: number | null = null;
  const startedAt = performance.now();
  const [duplicates] = await database.call(`${table}_EnqueueMany`, parametersOf(messages), {
    onLost: 'ask',
    again: () => {
      firstSentAt = startedAt;
      return {};
    },
  });
  return results(messages, duplicates ?? [], (messageId, first, ageMs) => {
    // Younger than the first sending, and with the very id that was sent: it is that one.
    return firstSentAt !== null && messageId === first && ageMs <= performance.now() - firstSentAt;
  });
}

export async function enqueueJoined(
  database: Database,
  table: string,
  messages: readonly NewMessage[],
  transaction: unknown,
): Promise<EnqueueResult[]> {
  const parameters: Parameters = {
    ...parametersOf(messages),
    RequireTransaction: [bit, true],
  };
  const [duplicates] = await joinTransaction(database, transaction, `${table}_EnqueueMany`, parameters);
  return results(messages, duplicates ?? [], () => false);
}
