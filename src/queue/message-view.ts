/** The message that a handler receives, and the check of its payload. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ClaimedMessage } from '../engine/work-queue.ts';
import { type Message, PermanentError } from './handler.ts';

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
export function accepted(view: MessageView, result: StandardSchemaV1.Result<unknown>): MessageView {
  if (result.issues === undefined) return view.withData(result.value);
  const reasons = result.issues.slice(0, 5).map(({ path, message }) => {
    const at = path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return at ? `${at}: ${message}` : message;
  });
  throw new PermanentError(
    `The payload does not fit the handler's schema: ${reasons.join('; ')}. Enqueue a correct payload, or correct the schema and replay the message.`,
  );
}
