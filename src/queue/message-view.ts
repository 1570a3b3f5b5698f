/** The message that a handler receives, and the check of its payload. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ClaimedMessage } from '../engine/message.ts';
import { isError, MultiOutboxError, propertyOf } from '../errors.ts';
import { type Message, PermanentError } from './handler.ts';
import { reasonsOf, textsOf } from './schema-issues.ts';

/** The message that the handler receives. It parses the payload when `data` is first read. */
export class MessageView implements Message {
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  readonly source: string | null;
  readonly sourceMessageId: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
  #data: { readonly value: unknown } | undefined;

  constructor(claimed: ClaimedMessage) {
    this.messageId = claimed.messageId;
    this.topic = claimed.topic;
    this.payload = claimed.payload;
    this.headers = claimed.headers;
    this.correlationId = claimed.correlationId;
    this.orderingKey = claimed.orderingKey;
    this.source = claimed.source;
    this.sourceMessageId = claimed.source === null ? null : claimed.dedupKey;
    this.enqueuedUtc = claimed.enqueuedUtc;
    this.dueUtc = claimed.dueUtc;
  }

  get data(): unknown {
    this.#data ??= { value: parsed(this.payload) };
    return this.#data.value;
  }

  /** The same message with the schema's output as its data. */
  withData(value: unknown): this {
    this.#data = { value };
    return this;
  }
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    // The parser's own message quotes the payload, which must not get into logs.
    throw new PermanentError(
      'The payload is not JSON; enqueue JSON, or let the handler read message.payload.',
    );
  }
}

/** The message with the schema's output as its data. @throws PermanentError when the schema refuses the payload */
export function accepted(
  view: MessageView,
  schema: StandardSchemaV1,
  result: StandardSchemaV1.Result<unknown>,
): MessageView {
  if (result.issues === undefined) return view.withData(result.value);
  throw new PermanentError(
    `The payload does not fit the handler's schema: ${reasonsOf(schema, result.issues, view.data)}. Enqueue a correct payload, or correct the schema and replay the message.`,
  );
}

/**
 * The error of a validator that threw. A recursive one ends at the stack's limit for a payload that is nested too
 * deeply, at every attempt.
 */
export function validatorError(thrown: unknown): unknown {
  const isTooDeep =
    isError(thrown) &&
    propertyOf(thrown, 'name') === 'RangeError' &&
    /call stack/i.test(String(propertyOf(thrown, 'message')));
  if (!isTooDeep) return thrown;
  return new PermanentError(
    "The payload is nested too deeply for the handler's schema; enqueue a flatter payload.",
  );
}

/**
 * Checks a payload as a dispatch run would.
 * @throws MultiOutboxError INVALID_MESSAGE with the reasons; the validator's own error when it fails
 */
export async function checkPayload(schema: StandardSchemaV1, message: ClaimedMessage): Promise<void> {
  try {
    const view = new MessageView(message);
    const { data } = view;
    textsOf(schema);
    accepted(view, schema, await schema['~standard'].validate(data));
  } catch (error) {
    const thrown = validatorError(error);
    if (!(thrown instanceof PermanentError)) throw thrown;
    throw new MultiOutboxError('INVALID_MESSAGE', thrown.message);
  }
}
