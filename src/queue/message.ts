import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { messageLimits, type NewMessage } from '../engine/message.ts';
import { isList, MultiOutboxError, readable, shownValue } from '../errors.ts';
import { copyOf, type NamesOf, unknownName } from '../options.ts';
import { isPlainObject } from '../plain-object.ts';
import { type DurationInput, parseDuration } from '../settings.ts';
import { traceHeaders } from '../telemetry/trace-headers.ts';
import { lossyValue } from './lossy-value.ts';
import { longestDelayMs } from './retry.ts';

/** A message, as an application enqueues it. */
export interface MessageInput {
  /** 1 to 200 characters with no blank at either end, matched case-insensitively. */
  readonly topic: string;
  /**
   * Text is stored unchanged; any other value is stored as JSON. What JSON does not hold is refused: a Map, a Set, an
   * instance of a class without toJSON, NaN, Infinity, an invalid date, a BigInt, a function, a symbol, and undefined in a
   * list. A field that is undefined is left out. Payload and headers have at most 64 MiB together, as they are stored.
   */
  readonly payload: unknown;
  /** A UUID; generated when absent. A message with an id that was used before is a duplicate. */
  readonly messageId?: string;
  /** Handlers get them. `traceparent` and `tracestate` of the active span are added unless a `traceparent` is given. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Handlers get it, and operators search by it. As each key: 1 to 200 characters. */
  readonly correlationId?: string;
  /** Messages with the same key are dispatched one after another (Q10). */
  readonly orderingKey?: string;
  /** A message whose key was seen before, within retention, is a duplicate and is not stored (Q3). */
  readonly dedupKey?: string;
  /** The time until the message is due, to 10 years: milliseconds, or text such as '5m'. Default: 0. */
  readonly delay?: DurationInput;
}

/**
 * Checks a message and fills in the fields that an engine needs. A generated id is a time-ordered UUID (RFC 9562,
 * version 7), so that the unique index grows at its end.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field and, of several messages, the index
 */
export function newMessage(input: MessageInput, attempted: Attempted = {}): NewMessage {
  const refuse = refusalOf(attempted);
  const {
    topic,
    payload: given,
    messageId,
    headers,
    correlationId,
    orderingKey,
    dedupKey,
    delay = 0,
  } = checkedFields(input, messageNames, attempted);
  checkText('topic', topic, messageLimits.topicCharacters, refuse);
  checkEdges('topic', topic, refuse);
  for (const [name, value] of Object.entries({ correlationId, orderingKey, dedupKey })) {
    if (value !== undefined) checkText(name, value, messageLimits.keyCharacters, refuse);
  }
  if (messageId !== undefined && !isUuid(messageId))
    refuse(`messageId must be a UUID, got ${shownValue(messageId)}`);
  const dueInMs = parseDuration(delay);
  if (dueInMs === null || dueInMs > longestDelayMs) {
    return refuse(
      `delay must be milliseconds or text such as '5m', from 0 to 10 years, got ${shownValue(delay)}`,
    );
  }
  const payload = payloadText(given, refuse);
  const kept = traced(headers === undefined ? undefined : checkedHeaders(headers, refuse));
  checkSize(payload, kept.headers, refuse);
  return {
    messageId: messageId?.toLowerCase() ?? uuidv7(),
    topic,
    payload,
    ...kept,
    ...(correlationId !== undefined && { correlationId }),
    ...(orderingKey !== undefined && { orderingKey }),
    ...(dedupKey !== undefined && { dedupKey }),
    dueInMs,
  };
}

const messageNames: NamesOf<MessageInput> = {
  topic: true,
  payload: true,
  messageId: true,
  headers: true,
  correlationId: true,
  orderingKey: true,
  dedupKey: true,
  delay: true,
};

/** @throws MultiOutboxError INVALID_MESSAGE when the message is not an object, or has a field that no message has */
export function checkedFields<Input extends object>(
  input: Input,
  names: NamesOf<Input>,
  attempted: Attempted,
): Input {
  const refuse = refusalOf(attempted);
  if (typeof input !== 'object' || input === null) return refuse('it is not an object');
  const fields = readable('A message', () => copyOf(input, names), 'INVALID_MESSAGE');
  const unknown = unknownName(fields, names, 'a field of a message');
  return unknown === undefined ? fields : refuse(unknown);
}

/** Adds the active span's trace context to the headers, unless the caller gave one. */
function traced(headers: Record<string, string> | undefined): Pick<NewMessage, 'headers'> {
  const trace = traceHeaders();
  if (trace.traceparent === undefined || headers?.traceparent !== undefined)
    return headers ? { headers } : {};
  return { headers: { ...headers, ...trace } };
}

/**
 * Checks one message or several. With several, an error names the message's index. @throws as `newMessage`
 */
export function newMessages(input: MessageInput | readonly MessageInput[]): NewMessage[] {
  if (!isList(input)) return [newMessage(input as MessageInput)];
  // A hole in the list is a message that is missing.
  return Array.from(input as readonly MessageInput[], (message, index) =>
    newMessage(message, { place: input.length > 1 ? ` at index ${index}` : '' }),
  );
}

/**
 * Words for error messages: the message's index when there are several, and the verb, by default 'enqueued'.
 */
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

/** Checks the text of a field that is stored as a key. @throws MultiOutboxError INVALID_MESSAGE that names the field */
export function checkedText(name: string, value: unknown, attempted: Attempted): string {
  checkText(name, value, messageLimits.keyCharacters, refusalOf(attempted));
  return value as string;
}

/**
 * As `checkedText`, and refuses a blank at either end: SQL Server ignores trailing blanks when it compares text.
 * @throws MultiOutboxError INVALID_MESSAGE that names the field
 */
export function trimmedText(name: string, value: unknown, attempted: Attempted): string {
  const text = checkedText(name, value, attempted);
  checkEdges(name, text, refusalOf(attempted));
  return text;
}

function checkEdges(name: string, text: string, refuse: Refuse): void {
  if (text !== text.trim()) refuse(`${name} must not begin or end with a blank; remove it`);
}

function payloadText(payload: unknown, refuse: Refuse): string {
  let text: string | undefined;
  let lossy: string | undefined;
  try {
    text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    // JSON.stringify has thrown for a cycle, which would have no end here.
    if (text !== undefined && typeof payload !== 'string') lossy = lossyValue(payload);
  } catch {
    return refuse(
      'the payload cannot be written as JSON; look for a cycle or a BigInt in it, or for very deep nesting',
    );
  }
  if (lossy !== undefined) refuse(`the payload ${lossy}`);
  if (text === undefined)
    return refuse('the payload is missing, or cannot be written as JSON; give text or a JSON value');
  // A lone surrogate has no UTF-8 form: the database would return another character.
  if (!text.isWellFormed())
    return refuse(
      'the payload is not well-formed Unicode (a lone surrogate); correct it, or call toWellFormed() on its text',
    );
  return text;
}

/** A database stores text as UTF-8 or as UTF-16; the longer form counts, so that every database can read it. */
function checkSize(payload: string, headers: NewMessage['headers'], refuse: Refuse): void {
  const { contentBytes } = messageLimits;
  const texts = headers === undefined ? [payload] : [payload, JSON.stringify(headers)];
  // No character has more than 3 bytes for each of its UTF-16 units.
  if (3 * texts.reduce((sum, { length }) => sum + length, 0) <= contentBytes) return;
  const bytes = texts.reduce((sum, text) => sum + Math.max(2 * text.length, Buffer.byteLength(text)), 0);
  if (bytes > contentBytes)
    refuse(
      `the payload and the headers have ${bytes} bytes, at most ${contentBytes} are allowed; store the content elsewhere, and enqueue its address`,
    );
}

function checkText(name: string, value: unknown, max: number, refuse: Refuse): void {
  if (typeof value !== 'string' || value.trim() === '')
    refuse(`${name} must be text of 1 to ${max} characters`);
  const text = value as string;
  if (text.length > max) refuse(`${name} has ${text.length} characters; at most ${max} are allowed`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) refuse(`${name} must not contain control characters`);
  if (!text.isWellFormed())
    refuse(`${name} is not well-formed Unicode (a lone surrogate); correct it, or call toWellFormed() on it`);
}

function checkedHeaders(headers: unknown, refuse: Refuse): Record<string, string> {
  if (!isPlainObject(headers))
    return refuse('headers must be an object; for a Map, Object.fromEntries makes one');
  const read = readable('A message: headers', () => ({ ...headers }), 'INVALID_MESSAGE');
  for (const [name, value] of Object.entries(read)) {
    if (typeof value !== 'string' || !value.isWellFormed()) refuse(`header ${shownValue(name)} must be text`);
    if (name === '' || !name.isWellFormed())
      refuse("a header's name is empty or not well-formed Unicode; correct it");
  }
  return read as Record<string, string>;
}
