/** Checks the shape of messages that are received as JSON. */
import * as v from 'valibot';
import { MultiOutboxError } from '../errors.ts';
import type { OutboxMessage } from './outbox.ts';

const text = v.string('must be text');
const messageSchema = v.strictObject(
  {
    topic: text,
    payload: v.unknown(),
    messageId: v.optional(text),
    headers: v.optional(v.record(v.string(), text, 'must be an object')),
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
 * Parses one message or an array of them. `enqueue` checks the values of their fields.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field and the message's index, and quotes no value
 */
export function parseOutboxMessages(input: unknown, maxMessages: number): OutboxMessage[] {
  const many = Array.isArray(input) ? input : [input];
  if (many.length === 0) throw refusal('the array is empty; send at least one message');
  if (many.length > maxMessages) {
    throw refusal(
      `there are ${many.length}, but one request may have at most ${maxMessages}; send them in several requests`,
    );
  }
  return many.map((message, index) => {
    const result = v.safeParse(messageSchema, message);
    if (result.success) return result.output as OutboxMessage;
    const { path, message: problem } = result.issues[0];
    const field = path?.map(({ key }) => String(key)).join('.');
    const what = Array.isArray(input) ? `the message at index ${index}` : 'the message';
    throw refusal(field ? `${field} of ${what} ${problem}` : `${what} ${problem}`);
  });
}

function refusal(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_MESSAGE', `The messages cannot be enqueued: ${problem}.`);
}
