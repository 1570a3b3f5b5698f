import type { StandardSchemaV1 } from '@standard-schema/spec';
import { MultiOutboxError, readable, shownValue } from '../errors.ts';
import type { NamesOf } from '../options.ts';
import {
  defineHandler,
  defineInboxHandler,
  definitionOf,
  type Handler,
  type HandlerContext,
  type HandlerDefinition,
  type InboxHandlerDefinition,
  type Message,
} from '../queue/handler.ts';
import type { OutboxMessage } from './outbox.ts';

/**
 * A topic that is declared once and types both sides: `Payload` is the type that producers enqueue, `Data` the type
 * that handlers read. With a schema, `Data` is the schema's output.
 */
export interface Topic<Payload, Data = Payload> {
  /** The topic's name in messages and handlers. */
  readonly topic: string;
  /** Checks payloads when they are dispatched. Without it payloads are not checked. */
  readonly schema: StandardSchemaV1<Payload, Data> | undefined;
  /** Creates a message of this topic, for `enqueue`. */
  message(
    payload: Payload,
    fields?: Omit<OutboxMessage, 'topic' | 'payload'>,
  ): OutboxMessage & { readonly payload: Payload };
  /** Creates the handler of this topic's outbox messages. @throws MultiOutboxError INVALID_ARGUMENT */
  handler(definition: TopicHandler<Data, HandlerDefinition>): Handler;
  /** As `handler`, for messages that come through the inbox. @throws MultiOutboxError INVALID_ARGUMENT */
  inboxHandler(definition: TopicHandler<Data, InboxHandlerDefinition>): Handler;
}

/** The definition for `defineHandler`, without the fields that the topic provides. */
export type TopicHandler<Data, Definition extends HandlerDefinition> = Omit<
  Definition,
  'topic' | 'schema' | 'handle'
> & {
  handle(message: Message<Data>, context: HandlerContext): unknown;
};

const handlerNames: NamesOf<TopicHandler<unknown, InboxHandlerDefinition>> = {
  handle: true,
  retry: true,
  timeoutMs: true,
  concurrency: true,
  source: true,
};

/**
 * Declares a topic by the type of its payloads, `defineTopic<EmailPayload>('email.send')`, or by a Standard Schema
 * validator, `defineTopic('email.send', emailPayload)`, which also checks them.
 */
export function defineTopic<Payload>(topic: string): Topic<Payload>;
export function defineTopic<Schema extends StandardSchemaV1>(
  topic: string,
  schema: Schema,
): Topic<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>;
export function defineTopic<Payload, Data>(
  topic: string,
  schema?: StandardSchemaV1<Payload, Data>,
): Topic<Payload, Data> {
  if (typeof topic !== 'string')
    throw new MultiOutboxError('INVALID_ARGUMENT', `defineTopic: a topic is text, got ${shownValue(topic)}.`);
  const declared = (definition: TopicHandler<Data, InboxHandlerDefinition>) => {
    const { handle, retry, timeoutMs, concurrency, source } = definitionOf(definition, handlerNames);
    return {
      topic,
      handle: typeof handle === 'function' ? handle.bind(definition) : handle,
      ...(schema && { schema }),
      ...(retry !== undefined && { retry }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(concurrency !== undefined && { concurrency }),
      ...(source !== undefined && { source }),
    };
  };
  return {
    topic,
    schema,
    message: (payload, fields = {}) => ({
      ...readable('topic.message: the fields', () => ({ ...fields })),
      topic,
      payload,
    }),
    handler: (definition) => defineHandler(declared(definition) as HandlerDefinition),
    inboxHandler: (definition) => defineInboxHandler(declared(definition) as InboxHandlerDefinition),
  };
}
