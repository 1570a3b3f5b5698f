import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { EnqueueResult, QueueName } from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TraceHeaders } from '../telemetry/trace-headers.ts';
import type { MessageInput } from './message.ts';
import { longestDelayMs, type RetryPolicy } from './retry.ts';

/** The message as a handler gets it. */
export interface Message<Data = unknown> {
  /** A UUID, the same at every attempt. */
  readonly messageId: string;
  readonly topic: string;
  /** The text that was enqueued, byte for byte. */
  readonly payload: string;
  /**
   * With a schema: its output for the parsed payload. Without: the parsed payload. Reading it when the payload is
   * not JSON throws a PermanentError; a handler of plain text reads `payload`.
   */
  readonly data: Data;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly orderingKey: string | null;
  /** Who sent it, and the id it was given there: of messages that came through the inbox; null otherwise. */
  readonly source: string | null;
  readonly sourceMessageId: string | null;
  readonly enqueuedUtc: Date;
  readonly dueUtc: Date;
}

/** What surrounds one attempt (D3). */
export interface HandlerContext {
  readonly tenant: { readonly id: string; readonly tags: Readonly<Record<string, string>> };
  readonly queue: QueueName;
  /** 1 at the first start. */
  readonly attempt: number;
  /**
   * The number of the run's lease; a later run has a greater one. Pass it downstream: whoever remembers the
   * greatest fence seen can refuse a run that lost its lease without noticing.
   */
  readonly fence: number;
  /** `<tenant id>:<message id>`: the same at every attempt, for receivers that suppress duplicates. */
  readonly idempotencyKey: string;
  /**
   * Fires at the handler's timeout, when the run stops and its grace begins, and when the lease is lost. It is made when
   * first read, so a copy of the context made by spreading it lacks it.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * W3C trace context to pass on: of this attempt's span when traces are recorded, else of the producer, when the
   * message's headers carry one.
   */
  readonly trace: TraceHeaders;
  /**
   * Runs `work` in a transaction of the tenant's database and settles this message as Done in it: what `work` writes and
   * the outcome are committed together or not at all, so the effect happens exactly once (T1). Resolves with what `work`
   * returned, once committed: nothing un-settles the message then. Rolled back when `work` throws, and at once when the
   * signal fires. Once an attempt. Keep it short: on SQLite all that writes to this tenant's file waits for it, the
   * renewal of the run's lease too, so it is rolled back shortly before that would run out.
   * @throws MultiOutboxError LEASE_LOST when a newer run has the message, ABORTED when it was open for too long; what
   *   `work` threw; the signal's reason
   */
  transaction<Result, Driver = unknown>(
    work: (tx: HandlerTransaction<Driver>) => Result | PromiseLike<Result>,
  ): Promise<Result>;
}

/** The transaction that a handler's own writes are part of. Its end is left to `context.transaction`. */
export interface HandlerTransaction<Driver = unknown> {
  /**
   * The driver's own object, for the handler's statements and for the `transaction` option of `enqueue` and `receive`:
   * a `DatabaseSync` of node:sqlite, or an `mssql.Transaction`.
   */
  readonly driver: Driver;
  /** Stores a message in the tenant's outbox if the transaction is committed. */
  enqueue(message: MessageInput): Promise<EnqueueResult>;
  enqueue(messages: readonly MessageInput[]): Promise<EnqueueResult[]>;
  enqueue(input: MessageInput | readonly MessageInput[]): Promise<EnqueueResult | EnqueueResult[]>;
}

/**
 * Dispatches messages of one topic. Returning (or resolving) settles the message as Done; PermanentError as Dead;
 * Snooze releases it without counting the attempt; anything else thrown is retried with backoff until the
 * attempts are used up (D3).
 */
export interface HandlerDefinition<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** 1 to 200 characters, matched without regard to case (D4). */
  readonly topic: string;
  /** A Standard Schema validator. A payload that it refuses goes to Dead with the reason. */
  readonly schema?: Schema;
  handle(
    message: Message<Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : unknown>,
    context: HandlerContext,
  ): unknown;
  /** Stands in for the fleet's retry policy, setting by setting. */
  readonly retry?: Partial<RetryPolicy>;
  /** Milliseconds one attempt may take; the fleet's setting when absent. */
  readonly timeoutMs?: number;
  /** Attempts of this handler at once within one dispatch run. */
  readonly concurrency?: number;
}

/** As `HandlerDefinition`, for messages that came through the inbox. */
export interface InboxHandlerDefinition<Schema extends StandardSchemaV1 | undefined = undefined>
  extends HandlerDefinition<Schema> {
  /** Only messages of this source, compared exactly; all that have no handler of their source's own when absent. */
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

/** The attempt cannot succeed however often it is tried: the message goes to Dead with this error. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** Snoozes the message: it comes back after `delayMs`, and this attempt is not counted. */
export class Snooze extends Error {
  override readonly name = 'Snooze';
  /** Milliseconds, at least 0. */
  readonly delayMs: number;

  constructor(delayMs: number, reason = 'the handler asked to be called later') {
    super(reason);
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new RangeError(`Snooze needs a delay of 0 milliseconds or more, got ${delayMs}.`);
    }
    this.delayMs = delayMs;
  }
}

/**
 * A failure that says itself when to try again, such as an HTTP 429 with Retry-After: like any other error, the
 * attempt counts, but the next one comes no sooner than `delayMs`.
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
  const { topic, source, schema, handle, retry = {}, timeoutMs, concurrency } = definition;
  const refuse = (problem: string): never => {
    throw new MultiOutboxError('INVALID_ARGUMENT', `The handler for topic '${topic}' ${problem}.`);
  };
  if (typeof topic !== 'string' || topic.trim() === '' || topic.length > 200) {
    throw new MultiOutboxError('INVALID_ARGUMENT', 'A handler needs a topic of 1 to 200 characters.');
  }
  if (typeof handle !== 'function') refuse('has no handle function; give it one');
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    refuse('has a schema that is no Standard Schema validator; use one of zod, valibot, arktype or the like');
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
        : 'has a source that is no text',
    );
  }
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

/** The settings given, without those that are undefined: they would stand in for the fleet's. */
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
