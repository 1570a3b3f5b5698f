/** Storing messages (Q3), in a call of its own or in the caller's transaction. */
import type { EnqueueResult, NewMessage } from '../../work-queue.ts';
import { bit, type Database, longText, type Parameters, type Row } from '../database.ts';
import { escapeNul, hasNul, wholeMs } from '../text.ts';
import { joinTransaction } from '../transaction.ts';

/** A message as `EnqueueMany` takes it. Texts that must come back byte for byte are strings of the JSON. */
function jsonOf(messages: readonly NewMessage[]): string {
  return JSON.stringify(
    messages.map((message, ordinal) => {
      const escaped = typeof message.payload === 'string' && hasNul(message.payload);
      return {
        ordinal,
        messageId: message.messageId,
        topic: message.topic,
        payload: escaped ? escapeNul(message.payload) : message.payload,
        ...(escaped && { payloadEscaped: true }),
        ...(message.headers !== undefined && { headers: JSON.stringify(message.headers) }),
        ...(message.correlationId !== undefined && { correlationId: message.correlationId }),
        ...(message.orderingKey !== undefined && { orderingKey: message.orderingKey }),
        ...(message.dedupKey !== undefined && { dedupKey: message.dedupKey }),
        ...(message.dueInMs !== undefined && message.dueInMs > 0 && { delayMs: wholeMs(message.dueInMs) }),
      };
    }),
  );
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
  const [duplicates] = await database.call(
    `${table}_EnqueueMany`,
    { Messages: [longText, jsonOf(messages)] },
    {
      onLost: 'ask',
      again: () => {
        firstSentAt = startedAt;
        return {};
      },
    },
  );
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
    Messages: [longText, jsonOf(messages)],
    RequireTransaction: [bit, true],
  };
  const [duplicates] = await joinTransaction(database, transaction, `${table}_EnqueueMany`, parameters);
  return results(messages, duplicates ?? [], () => false);
}
