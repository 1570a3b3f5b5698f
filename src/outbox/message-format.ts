/** Checks the shape of messages that are received as JSON. */
import * as v from 'valibot';
import { jsonElements, jsonMembers, repeatedName } from '../engine/json-text.ts';
import { MultiOutboxError, shownName, shownValue } from '../errors.ts';
import { nearestName } from '../options.ts';
import { namedValues } from '../queue/named-values.ts';
import type { OutboxMessage } from './outbox.ts';

const text = v.string('must be text');
export const messageSchema = v.strictObject(
  {
    topic: text,
    payload: v.unknown(),
    messageId: v.optional(text),
    headers: v.optional(namedValues(v.string(), text, 'must be an object')),
    correlationId: v.optional(text),
    orderingKey: v.optional(text),
    dedupKey: v.optional(text),
    delay: v.optional(v.union([v.number(), v.string()], "must be milliseconds or text such as '5m'")),
  },
  ({ expected }) =>
    expected === 'never'
      ? 'is not a field of a message; remove it'
      : expected === 'Object'
        ? 'is not an object'
        : 'is missing',
);

/**
 * Parses one message or an array of them from JSON text. A `payload` that is text is stored as that text; any other
 * payload is kept as JSON, exactly as its producer wrote it. `enqueue` checks the values of the other fields.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field and the message's index, and quotes no value;
 *   INVALID_ARGUMENT
 */
export function parseOutboxMessages(json: string, maxMessages: number): OutboxMessage | OutboxMessage[] {
  if (typeof json !== 'string') throw refusal('the text of the messages is missing; give JSON');
  if (!Number.isSafeInteger(maxMessages) || maxMessages < 1)
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `parseOutboxMessages: the most messages must be a whole number from 1 on, got ${shownValue(maxMessages)}.`,
    );
  const input = parsed(json);
  if (!Array.isArray(input)) return outboxMessage(input, json, 'the message');
  if (input.length === 0) throw refusal('the array is empty; send at least one message');
  if (input.length > maxMessages) {
    throw refusal(
      `there are ${input.length}, but one request may have at most ${maxMessages}; send them in several requests`,
    );
  }
  const texts = jsonElements(json);
  return input.map((message, index) =>
    outboxMessage(message, texts[index]!, `the message at index ${index}`),
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's message is left out because it quotes the text.
    throw refusal('the text is not valid JSON; correct it and send it again');
  }
}

function outboxMessage(input: unknown, json: string, what: string): OutboxMessage {
  const result = v.safeParse(messageSchema, input);
  if (!result.success) {
    const { path, message, expected } = result.issues[0];
    const field = path?.map(({ key }) => shownName(String(key))).join('.');
    const nearest =
      expected === 'never' ? nearestName(String(field), Object.keys(messageSchema.entries)) : undefined;
    const problem =
      nearest === undefined ? message : `is not a field of a message; did you mean '${nearest}'?`;
    throw refusal(field ? `${field} of ${what} ${problem}` : `${what} ${problem}`);
  }
  const members = jsonMembers(json);
  const headers = result.output.headers && members.find(({ name }) => name === 'headers');
  const repeated = repeatedName(members) ?? (headers && repeatedName(jsonMembers(headers.value)));
  if (repeated !== undefined)
    throw refusal(`${what} has the field or header '${shownName(repeated)}' twice; send each once`);
  const { payload } = result.output;
  if (typeof payload === 'string') return result.output as OutboxMessage;
  return {
    ...result.output,
    payload: members.find(({ name }) => name === 'payload')!.value,
  } as OutboxMessage;
}

function refusal(problem: string): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_MESSAGE',
    `The messages cannot be enqueued: ${problem}${problem.endsWith('?') ? '' : '.'}`,
  );
}
