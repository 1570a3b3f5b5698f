/** Storing messages (Q3), in a call of its own or in the caller's transaction. */
import type { EnqueueResult, NewMessage } from '../../work-queue.ts';
import { bigint, bit, type Database, longText, type Parameters, type Row, text, uuid } from '../database.ts';
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

/** One message as `EnqueueOne` takes it: plain parameters, which spare the server the JSON. */
function parametersOfOne(message: NewMessage): Parameters {
  const escaped = typeof message.payload === 'string' && hasNul(message.payload);
  return {
    Topic: [text, message.topic],
    Payload: [longText, escaped ? escapeNul(message.payload) : message.payload],
    MessageId: [uuid, message.messageId],
    OrderingKey: [text, message.orderingKey ?? null],
    DedupKey: [text, message.dedupKey ?? null],
    Source: [text, message.source ?? ''],
    Hash: [text, message.hash ?? null],
    CorrelationId: [text, message.correlationId ?? null],
    Headers: [longText, message.headers === undefined ? null : JSON.stringify(message.headers)],
    DelayMs: [bigint, wholeMs(message.dueInMs ?? 0)],
    PayloadEscaped: [bit, escaped],
  };
}

function callFor(table: string, messages: readonly NewMessage[]): [procedure: string, Parameters] {
  const [only] = messages;
  return only !== undefined && messages.length === 1
    ? [`${table}_EnqueueOne`, parametersOfOne(only)]
    : [`${table}_EnqueueMany`, parametersOf(messages)];
}

/** `ours`: whether a duplicate is our own message, stored by a first sending whose answer was lost. */
function results(
  messages: readonly NewMessage[],
  known: readonly Row[],
  ours: (messageId: string, first: string, ageMs: number) => boolean,
): EnqueueResult[] {
  const stored: EnqueueResult[] = messages.map(({ messageId }) => ({ messageId, status: 'enqueued' }));
  for (const { Ordinal, MessageId, AgeMs, Conflict } of known) {
    const ordinal = Ordinal as number;
    const first = (MessageId as string).toLowerCase();
    if (ours(messages[ordinal]!.messageId.toLowerCase(), first, Number(AgeMs))) continue;
    stored[ordinal] = { messageId: first, status: Conflict ? 'conflict' : 'duplicate' };
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
  const [procedure, parameters] = callFor(table, messages);
  // On a connection with a transaction of another call open it would become part of that one.
  const alone = { ...parameters, RequireTransaction: [bit, false] } as const;
  const [known] = await database.call(procedure, alone, {
    onLost: 'ask',
    again: () => {
      firstSentAt = startedAt;
      return {};
    },
  });
  return results(messages, known ?? [], (messageId, first, ageMs) => {
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
  const [procedure, parameters] = callFor(table, messages);
  const [known] = await joinTransaction(database, transaction, procedure, {
    ...parameters,
    RequireTransaction: [bit, true],
  });
  return results(messages, known ?? [], () => false);
}
