import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { messageLimits, type NewMessage } from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import { parseDuration } from '../settings.ts';
import { traceHeaders } from '../telemetry/trace-headers.ts';
import { longestDelayMs } from './retry.ts';

/** A message as an application enqueues it. */
export interface MessageInput {
  /** 1 to 200 characters; matched without regard to case. */
  readonly topic: string;
  /** Text is kept as it is; anything else is stored as JSON. */
  readonly payload: unknown;
  /** A UUID of the caller's own; made when absent. The same id again is a duplicate. */
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  /** Messages of one key are dispatched one after another (Q10). */
  readonly orderingKey?: string;
  /** A key seen before, within retention, makes this message a duplicate: nothing is stored (Q3). */
  readonly dedupKey?: string;
  /** Milliseconds, or text such as '5m', until the message is due. */
  readonly delay?: number | string;
}

/**
 * Checks a message and fills in what an engine needs. Ids are time-ordered UUIDs (RFC 9562, version 7), so that the
 * unique index grows at its end.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field, and the message's place among several
 */
export function newMessage(input: MessageInput, attempted: Attempted = {}): NewMessage {
  const refuse = refusalOf(attempted);
  if (typeof input !== 'object' || input === null) return refuse('it is not an object');
  const { topic, messageId, headers, correlationId, orderingKey, dedupKey, delay = 0 } = input;
  checkText('topic', topic, messageLimits.topicCharacters, refuse);
  for (const [name, value] of Object.entries({ correlationId, orderingKey, dedupKey })) {
    if (value !== undefined) checkText(name, value, messageLimits.keyCharacters, refuse);
  }
  if (messageId !== undefined && !isUuid(messageId))
    refuse(`messageId must be a UUID, got ${JSON.stringify(messageId)}`);
  const dueInMs = parseDuration(delay);
  if (dueInMs === null || dueInMs > longestDelayMs) {
    return refuse(
      `delay must be milliseconds or text such as '5m', from 0 to 10 years, got ${JSON.stringify(delay)}`,
    );
  }
  return {
    messageId: messageId?.toLowerCase() ?? uuidv7(),
    topic,
    payload: payloadText(input.payload, refuse),
    ...traced(headers === undefined ? undefined : checkedHeaders(headers, refuse)),
    ...(correlationId !== undefined && { correlationId }),
    ...(orderingKey !== undefined && { orderingKey }),
    ...(dedupKey !== undefined && { dedupKey }),
    dueInMs,
  };
}

/** The message's headers, with the active span's trace context unless the caller gave one. */
function traced(headers: Record<string, string> | undefined): Pick<NewMessage, 'headers'> {
  const trace = traceHeaders();
  if (trace.traceparent === undefined || headers?.traceparent !== undefined)
    return headers ? { headers } : {};
  return { headers: { ...headers, ...trace } };
}

/** One message or several; a refusal names the place among several. @throws as `newMessage` */
export function newMessages(input: MessageInput | readonly MessageInput[]): NewMessage[] {
  if (!Array.isArray(input)) return [newMessage(input as MessageInput)];
  return input.map((message, index) =>
    newMessage(message, { place: input.length > 1 ? ` at index ${index}` : '' }),
  );
}

/** What a refusal says that could not be done: the message's place among several, and 'enqueued' unless named. */
export interface Attempted {
  readonly place?: string;
  readonly verb?: string;
}

type Refuse = (problem: string) => never;

function refusalOf({ place = '', verb = 'enqueued' }: Attempted): Refuse {
  return (problem) => {
    throw new MultiOutboxError('INVALID_MESSAGE', `The message${place} cannot be ${verb}: ${problem}.`);
  };
}

/** The text of a field that is kept as a key. @throws MultiOutboxError INVALID_MESSAGE that names the field */
export function checkedText(name: string, value: unknown, attempted: Attempted): string {
  checkText(name, value, messageLimits.keyCharacters, refusalOf(attempted));
  return value as string;
}

/**
 * As `checkedText`, with no blank at either end: SQL Server would take it for the same text without.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field
 */
export function trimmedText(name: string, value: unknown, attempted: Attempted): string {
  const text = checkedText(name, value, attempted);
  if (text !== text.trim()) refusalOf(attempted)(`${name} must not begin or end with a blank`);
  return text;
}

function payloadText(payload: unknown, refuse: Refuse): string {
  let text: string | undefined;
  try {
    text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  } catch {
    return refuse('the payload has no JSON form (a cycle or a BigInt in it?)');
  }
  if (text === undefined) return refuse('the payload is missing; give text or anything that has a JSON form');
  // A lone surrogate has no UTF-8 form: it would come back as another character.
  if (!text.isWellFormed()) return refuse('the payload is not well-formed Unicode (a lone surrogate)');
  return text;
}

function checkText(name: string, value: unknown, max: number, refuse: Refuse): void {
  if (typeof value !== 'string' || value.trim() === '')
    refuse(`${name} must be text of 1 to ${max} characters`);
  const text = value as string;
  if (text.length > max) refuse(`${name} has ${text.length} characters; at most ${max} are allowed`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) refuse(`${name} must not contain control characters`);
  if (!text.isWellFormed()) refuse(`${name} is not well-formed Unicode (a lone surrogate)`);
}

function checkedHeaders(headers: unknown, refuse: Refuse): Record<string, string> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return refuse('headers must be an object');
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !value.isWellFormed())
      refuse(`header ${JSON.stringify(name)} must be text`);
    if (name === '' || !name.isWellFormed()) refuse('a header has no name');
  }
  return { ...headers };
}
