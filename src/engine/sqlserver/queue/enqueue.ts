/** Stores messages (Q3), in a call of its own or in the caller's transaction. */
import type { TransactionMark } from '../../callers-transaction.ts';
import type { EnqueueResult, NewMessage } from '../../message.ts';
import type { EnqueueStatement } from '../../work-queue.ts';
import { bigint, bit, type Database, longText, type Parameters, type Row, text, uuid } from '../database.ts';
import { executeText } from '../execute-text.ts';
import { escapeNul, hasNul, wholeMs } from '../text.ts';
import { joinTransaction } from '../transaction.ts';

/** An enqueue waits only for a producer of the same key, or for a change of the table itself. */
const waitsFor =
  'another open transaction has stored a message with the same dedup key or message id, so this call waited and then stored nothing; commit or roll back that transaction, then try again';

/** The parameters of `EnqueueMany`: payloads and headers, which have any length, are separate arrays. */
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

/** The parameters of `EnqueueOne`: plain ones, so that the server parses no JSON. */
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

/** @param ours whether a duplicate is this call's own message, stored by an earlier try whose answer was lost */
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
  // Without this parameter, the messages could become part of another call's transaction that is open on the
  // connection.
  const alone = { ...parameters, RequireTransaction: [bit, false] } as const;
  const [known] = await database.call(procedure, alone, {
    onLost: 'ask',
    waitsFor,
    again: (fate) => {
      // A refused call stored nothing that it would have answered as new. Otherwise a stored message with its id is taken for its
      // own, because two producers hardly ever choose the same id.
      if (fate !== 'refused') firstSentAt = startedAt;
      return {};
    },
  });
  return results(messages, known ?? [], (messageId, first, ageMs) => {
    // The stored message has the id that was sent and is younger than the first try, so the first try stored
    // it.
    return firstSentAt !== null && messageId === first && ageMs <= performance.now() - firstSentAt;
  });
}

export async function enqueueJoined(
  database: Database,
  table: string,
  messages: readonly NewMessage[],
  given: { transaction: unknown; mark: TransactionMark | undefined },
): Promise<EnqueueResult[]> {
  const [procedure, parameters] = callFor(table, messages);
  const joined = { ...parameters, RequireTransaction: [bit, true] } as const;
  const [known] = await joinTransaction(database, given, procedure, joined, waitsFor);
  return results(messages, known ?? [], () => false);
}

/** The same call as text. It refuses a connection without a transaction, or on another database. */
export function enqueueStatement(
  database: Database,
  table: string,
  message: NewMessage,
  placeholder: (nth: number) => string,
): EnqueueStatement {
  const { sql, values } = executeText(
    database.procedure(`${table}_EnqueueOne`),
    {
      ...parametersOfOne(message),
      RequireTransaction: [bit, true],
      Database: [text, database.target.database],
    },
    placeholder,
  );
  return { sql, parameters: values, messageId: message.messageId };
}
