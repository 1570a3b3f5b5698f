import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { EnqueueResult } from '../engine/message.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { MultiOutboxError, optionsOf, shownName } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TraceHeaders } from '../telemetry/trace-headers.ts';
import type { MessageInput } from './message.ts';
import { longestDelayMs, type RetryPolicy } from './retry.ts';

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
   * transaction is rolled back when `work` throws, and at once when the signal fires. An attempt can call it once.
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
   * a `DatabaseSync` of node:sqlite, or an `mssql.Transaction`.
   */
  readonly driver: Driver;
  /** Stores a message in the tenant's outbox as part of the transaction. */
  enqueue(message: MessageInput): Promise<EnqueueResult>;
  enqueue(messages: readonly MessageInput[]): Promise<EnqueueResult[]>;
  enqueue(input: MessageInput | readonly MessageInput[]): Promise<EnqueueResult | EnqueueResult[]>;
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
  readonly retry?: Partial<RetryPolicy>;
  /** Milliseconds that one attempt may take; default: the fleet's setting. */
  readonly timeoutMs?: number;
  /** How many attempts of this handler one dispatch run makes at a time. Its other messages delay no other handler's. */
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

/** Throw it when no further attempt can succeed: the message goes to Dead with this error. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/**
 * Throw it to get the message again after `delayMs`, and after a tenth of a second at the soonest; this attempt is not counted.
 * Messages that are due meanwhile come first.
 */
export class Snooze extends Error {
  override readonly name = 'Snooze';
  /** Milliseconds; a negative delay, as of a time that has passed, counts as the shortest one. */
  readonly delayMs: number;

  constructor(delayMs: number, reason = 'the handler asked to be called later') {
    super(reason);
    if (!Number.isFinite(delayMs)) {
      throw new RangeError(`Snooze needs a delay in milliseconds, got ${delayMs}.`);
    }
    this.delayMs = delayMs;
  }
}

/**
 * A failure that states when to try again, such as an HTTP 429 with Retry-After. The attempt counts, as with any
 * other error, but the next attempt comes no sooner than after `delayMs`.
 */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  /** Milliseconds, at least 0. */
  readonly delayMs: number;

  constructor(delayMs: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.delayMs = Math.max(0, delayMs);
  }
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

function checkedHandler<Schema extends StandardSchemaV1 | undefined>(
  queue: QueueName,
  definition: InboxHandlerDefinition<Schema>,
): Handler {
  const {
    topic,
    source,
    schema,
    handle,
    retry = {},
    timeoutMs,
    concurrency,
  } = optionsOf('A handler', definition);
  const refuse = (problem: string): never => {
    throw new MultiOutboxError('INVALID_ARGUMENT', `The handler for topic '${shownName(topic)}' ${problem}.`);
  };
  if (typeof topic !== 'string' || topic.trim() === '' || topic.length > 200) {
    throw new MultiOutboxError('INVALID_ARGUMENT', 'A handler needs a topic of 1 to 200 characters.');
  }
  if (topic !== topic.trim()) refuse('has a topic that begins or ends with a blank; remove the blank');
  if (typeof handle !== 'function') refuse('has no handle function; give it one');
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    refuse(
      'has a schema that is not a Standard Schema validator; use a schema of zod, valibot, arktype or the like',
    );
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0))
    refuse(`has timeoutMs ${String(timeoutMs)}; it must be milliseconds greater than 0`);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
    refuse(`has concurrency ${String(concurrency)}; it must be a whole number greater than 0`);
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
  optionsOf(`The retry of the handler for topic '${topic}'`, retry);
  return {
    queue,
    topic,
    source,
    schema,
    handle: handle.bind(definition) as Handler['handle'],
    retry: checkedRetry(retry, refuse),
    timeoutMs,
    concurrency,
  };
}

/** Leaves out undefined settings, which would override the fleet's. */
function checkedRetry(retry: Partial<RetryPolicy>, refuse: (problem: string) => never): Partial<RetryPolicy> {
  const { maxAttempts, baseMs, maxDelayMs } = retry;
  if (maxAttempts !== undefined && !(Number.isInteger(maxAttempts) && maxAttempts > 0)) {
    refuse(`has retry.maxAttempts ${String(maxAttempts)}; it must be a whole number greater than 0`);
  }
  for (const [name, value] of Object.entries({ baseMs, maxDelayMs })) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0 && value <= longestDelayMs)) {
      refuse(`has retry.${name} ${String(value)}; it must be milliseconds from 0 to ${longestDelayMs}`);
    }
  }
  return {
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(baseMs !== undefined && { baseMs }),
    ...(maxDelayMs !== undefined && { maxDelayMs }),
  };
}
