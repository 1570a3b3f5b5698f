import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { EnqueueResult } from '../engine/message.ts';
import { type QueueName, queueNames } from '../engine/work-queue.ts';
import { MultiOutboxError, propertyOf, readable, shownName, shownValue } from '../errors.ts';
import { type NamesOf, objectOf, optionsOf } from '../options.ts';
import { isPlainObject } from '../plain-object.ts';
import { type DurationInput, parseDuration } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TraceHeaders } from '../telemetry/trace-headers.ts';
import type { MessageInput } from './message.ts';
import { longestDelayMs, type RetryPolicy } from './retry.ts';

export { PermanentError, RetryAfter, Snooze } from './thrown.ts';

/** A message, as a handler receives it. */
export interface Message<Data = unknown> {
  /** A UUID; it is the same at every attempt. */
  readonly messageId: string;
  readonly topic: string;
  /** The text that was enqueued, byte for byte. */
  readonly payload: string;
  /**
   * The parsed payload; with a schema, the schema's output for it. Reading `data` throws a PermanentError when the
   * payload is not JSON; a handler of plain text reads `payload` instead.
   */
  readonly data: Data;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  /** The sender of an inbox message; null for outbox messages. `sourceMessageId` is the sender's id for it. */
  readonly source: string | null;
  readonly sourceMessageId: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
}

/** The context of one attempt (D3). */
export interface HandlerContext {
  readonly tenant: { readonly id: string; readonly tags: Readonly<Record<string, string>> };
  readonly queue: QueueName;
  /** The attempt's number; the first is 1. */
  readonly attempt: number;
  /**
   * The fencing number of the run's lease; each later run has a greater one. Pass it downstream: a receiver that
   * remembers the greatest fence it has seen can refuse a run that lost its lease without noticing.
   */
  readonly fence: number;
  /** `<tenant id>:<message id>`, the same at every attempt, so that receivers can suppress duplicates. */
  readonly idempotencyKey: string;
  /**
   * Fires at the handler's timeout, when the run stops and its grace begins, and when the lease is lost. It is a
   * getter, so a copy of the context made by spreading lacks it.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * The W3C trace context to pass on: that of this attempt's span when traces are recorded; otherwise the producer's,
   * if the message's headers carry one.
   */
  readonly trace: TraceHeaders;
  /**
   * Runs `work` in a transaction of the tenant's database and settles this message as Done in it. The writes of
   * `work` and the outcome are committed together or not at all, so the effect happens exactly once (T1). Resolves
   * after the commit with the result of `work`; the message then stays Done whatever the handler does. The
   * transaction is rolled back when `work` throws, and at once when the signal fires. An attempt can call it once. If the
   * handler does not await it, and it fails, the attempt fails with its error.
   * Keep the transaction short: on SQLite every other write to this tenant's file waits for it, the renewal of the
   * run's lease included. It is therefore rolled back shortly before the lease would run out.
   * @throws MultiOutboxError LEASE_LOST when a newer run has the message, ABORTED when the transaction was open for
   *   too long; what `work` threw; the signal's reason
   */
  transaction<Result, Driver = unknown>(
    work: (tx: HandlerTransaction<Driver>) => Result | PromiseLike<Result>,
  ): Promise<Result>;
}

/**
 * The transaction for a handler's own writes. `context.transaction` commits it or rolls it back; the handler must
 * not.
 */
export interface HandlerTransaction<Driver = unknown> {
  /**
   * The driver's own object, for the handler's statements and for the `transaction` option of `enqueue` and `receive`:
   * a `DatabaseSync` of node:sqlite, or an `mssql.Transaction`. It takes no statements once the transaction has ended. A
   * `DatabaseSync` is a view of the connection: use its methods, and do not pass it to `backup` of node:sqlite.
   */
  readonly driver: Driver;
  /** Stores a message in the tenant's outbox as part of the transaction. */
  enqueue(message: MessageInput): Promise<EnqueueResult>;
  enqueue(messages: readonly MessageInput[]): Promise<EnqueueResult[]>;
  enqueue(input: MessageInput | readonly MessageInput[]): Promise<EnqueueResult | EnqueueResult[]>;
}

/**
 * A retry policy as a handler gives it: durations are milliseconds, or text such as '5m'. What is left out is the fleet's
 * (`retry.*` of the settings).
 */
export interface RetryPolicyInput {
  readonly maxAttempts?: number;
  readonly baseMs?: DurationInput;
  readonly maxDelayMs?: DurationInput;
}

/**
 * Handles the messages of one topic. When `handle` returns or resolves, the message is Done. When it throws a
 * PermanentError, the message is Dead; after a Snooze the message is released and the attempt is not counted; after
 * any other error the message is retried with backoff until its attempts are used up (D3).
 */
export interface HandlerDefinition<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** 1 to 200 characters with no blank at either end, matched case-insensitively (D4). */
  readonly topic: string;
  /** A Standard Schema validator. A message whose payload it refuses goes to Dead with the reason. */
  readonly schema?: Schema;
  handle(
    message: Message<Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : unknown>,
    context: HandlerContext,
  ): unknown;
  /** Overrides the fleet's retry policy, setting by setting. */
  readonly retry?: RetryPolicyInput;
  /** The most time for one attempt: milliseconds, or text such as '10s'. Default: the fleet's setting. */
  readonly timeoutMs?: DurationInput;
  /**
   * How many attempts of this handler one dispatch run makes at a time. Its other messages delay no other handler's. Default:
   * as many as the run may have.
   */
  readonly concurrency?: number;
}

/** As `HandlerDefinition`, for messages that came through the inbox. */
export interface InboxHandlerDefinition<Schema extends StandardSchemaV1 | undefined = undefined>
  extends HandlerDefinition<Schema> {
  /**
   * Handle only messages of this source, compared exactly. Without it: messages of every source that has no handler
   * of its own.
   */
  readonly source?: string;
}

/** A checked handler, as `defineHandler` and `defineInboxHandler` return it. */
export interface Handler {
  readonly queue: QueueName;
  readonly topic: string;
  readonly source: string | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly handle: (message: Message<never>, context: HandlerContext) => unknown;
  readonly retry: Partial<RetryPolicy>;
  readonly timeoutMs: number | undefined;
  readonly concurrency: number | undefined;
}

/** Checks a handler of outbox messages and gives it its types. @throws MultiOutboxError INVALID_ARGUMENT */
export function defineHandler<Schema extends StandardSchemaV1 | undefined = undefined>(
  definition: HandlerDefinition<Schema>,
): Handler {
  return checkedHandler('outbox', definition);
}

/** Checks a handler of inbox messages and gives it its types. @throws MultiOutboxError INVALID_ARGUMENT */
export function defineInboxHandler<Schema extends StandardSchemaV1 | undefined = undefined>(
  definition: InboxHandlerDefinition<Schema>,
): Handler {
  return checkedHandler('inbox', definition);
}

/** A copy of a handler has the handler's queue too. */
type Copied<Definition> = Definition & { readonly queue?: QueueName };

const definitionNames: NamesOf<Copied<InboxHandlerDefinition>> = {
  queue: true,
  topic: true,
  schema: true,
  handle: true,
  retry: true,
  timeoutMs: true,
  concurrency: true,
  source: true,
};
const retryNames: NamesOf<RetryPolicyInput> = { maxAttempts: true, baseMs: true, maxDelayMs: true };

/** Its fields alone, which may be on the prototype of its class. */
function readFields<Definition extends object>(
  definition: Definition,
  names: NamesOf<Definition>,
): Definition {
  const fields = Object.keys(names).map((name) => [name, definition[name as keyof Definition]]);
  return Object.fromEntries(fields) as Definition;
}

/** The fields of a handler's definition. A class instance may have further ones, which belong to its methods. */
export function definitionOf<Definition extends object>(
  definition: Definition,
  names: NamesOf<Definition>,
): Definition {
  return isPlainObject(definition)
    ? optionsOf('A handler', definition, names)
    : readable('A handler', () => readFields(objectOf('A handler', definition), names));
}

/**
 * A handler from the list of a multi-outbox, checked again: it may be an object literal, or a changed copy of a handler.
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function completeHandler(handler: Handler): Handler {
  return checkedHandler(handler.queue, handler as InboxHandlerDefinition<StandardSchemaV1 | undefined>);
}

function checkedHandler<Schema extends StandardSchemaV1 | undefined>(
  queue: QueueName,
  definition: InboxHandlerDefinition<Schema>,
): Handler {
  const {
    topic,
    queue: ofCopy = queue,
    source,
    schema,
    handle,
    retry = {},
    timeoutMs,
    concurrency,
  } = definitionOf<Copied<InboxHandlerDefinition<Schema>>>(definition, definitionNames);
  const refuse = (problem: string): never => {
    throw new MultiOutboxError('INVALID_ARGUMENT', `The handler for topic '${shownName(topic)}' ${problem}.`);
  };
  if (typeof topic !== 'string' || topic.trim() === '' || topic.length > 200) {
    throw new MultiOutboxError('INVALID_ARGUMENT', 'A handler needs a topic of 1 to 200 characters.');
  }
  if (topic !== topic.trim()) refuse('has a topic that begins or ends with a blank; remove the blank');
  if (ofCopy !== queue) {
    refuse(
      `is a copy of a handler of the ${queueNames.includes(ofCopy) ? ofCopy : shownValue(ofCopy)}; use ${ofCopy === 'inbox' ? 'defineInboxHandler' : 'defineHandler'}`,
    );
  }
  if (typeof handle !== 'function') refuse('has no handle function; give it one');
  if (schema !== undefined && typeof propertyOf(propertyOf(schema, '~standard'), 'validate') !== 'function') {
    refuse(
      'has a schema that is not a Standard Schema validator; use a schema of zod, valibot, arktype or the like',
    );
  }
  // Infinity: the attempt has no limit of its own.
  const timeout =
    timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY
      ? timeoutMs
      : (parseDuration(timeoutMs) ?? 0);
  if (timeout === 0) {
    refuse(
      `has timeoutMs ${shownValue(timeoutMs)}; it must be milliseconds greater than 0, or text such as '10s'`,
    );
  }
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
    refuse(`has concurrency ${shownValue(concurrency)}; it must be a whole number greater than 0`);
  }
  if (source !== undefined && (queue === 'outbox' || typeof source !== 'string' || source.trim() === '')) {
    refuse(
      queue === 'outbox'
        ? 'has a source, which only inbox messages have; use defineInboxHandler'
        : 'has a source that is not text; give the source as non-empty text, or leave it out',
    );
  }
  if (source !== undefined && source !== source.trim())
    refuse('has a source that begins or ends with a blank; remove the blank');
  const checked = optionsOf(`The retry of the handler for topic '${topic}'`, retry, retryNames);
  return {
    queue,
    topic,
    source,
    schema,
    handle: handle.bind(definition) as Handler['handle'],
    retry: checkedRetry(checked, refuse),
    timeoutMs: timeout,
    concurrency,
  };
}

/** Leaves out undefined settings, which would override the fleet's. */
function checkedRetry(retry: RetryPolicyInput, refuse: (problem: string) => never): Partial<RetryPolicy> {
  const { maxAttempts } = retry;
  const delay = (name: 'baseMs' | 'maxDelayMs'): number | undefined => {
    const given = retry[name];
    if (given === undefined) return undefined;
    const delayMs = parseDuration(given);
    if (delayMs !== null && delayMs <= longestDelayMs) return delayMs;
    return refuse(
      `has retry.${name} ${shownValue(given)}; it must be milliseconds from 0 to ${longestDelayMs}, or text such as '5m'`,
    );
  };
  const baseMs = delay('baseMs');
  const maxDelayMs = delay('maxDelayMs');
  if (maxAttempts !== undefined && !(Number.isInteger(maxAttempts) && maxAttempts > 0)) {
    refuse(`has retry.maxAttempts ${shownValue(maxAttempts)}; it must be a whole number greater than 0`);
  }
  return {
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(baseMs !== undefined && { baseMs }),
    ...(maxDelayMs !== undefined && { maxDelayMs }),
  };
}
