import type { StandardSchemaV1 } from '@standard-schema/spec';
import type {
  ClaimedMessage,
  EnqueueResult,
  NewMessage,
  Outcome,
  QueueName,
  TransactRequest,
} from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { publishPoint } from '../telemetry/points.ts';
import type { AttemptTrace, RunTrace } from '../telemetry/spans.ts';
import type { Handler, HandlerContext, HandlerTransaction, Message } from './handler.ts';
import { type MessageInput, newMessages } from './message.ts';
import { accepted, MessageView } from './message-view.ts';
import { outcomeOfError, outcomeOfInterruption } from './outcome.ts';
import type { RetryPolicy } from './retry.ts';

/** A timer that is set for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** How attempts reach the tenant's database for transactions of their own. */
export interface TransactionAccess {
  /** As `WorkQueue.transact`. */
  transact<T>(
    request: Pick<TransactRequest, 'sequence' | 'signal'>,
    work: (transaction: unknown) => Promise<T>,
  ): Promise<T>;
  /** Stores messages in the tenant's outbox. */
  enqueue(messages: readonly NewMessage[], transaction: unknown): Promise<EnqueueResult[]>;
}

/** What all attempts of one dispatch run share. */
export interface AttemptSetting {
  readonly tenant: { readonly id: string; readonly tags: Readonly<Record<string, string>> };
  readonly queue: QueueName;
  readonly fence: number;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly random: () => number;
  readonly transactions: TransactionAccess;
  readonly trace?: RunTrace | undefined;
}

/**
 * One start of one message. `onEnd` is called once, with the outcome: when the handler has ended, its time is up, or
 * `interrupt` was called. What a handler does after that changes nothing. The end waits for a commit under way; once the
 * handler's transaction is committed the message is settled, and the outcome is Done whatever follows.
 */
export class Attempt {
  readonly message: ClaimedMessage;
  readonly #handler: Handler;
  readonly #setting: AttemptSetting;
  readonly #onEnd: (outcome: Outcome) => void;
  /** Made when the handler first asks for its signal: most never do. */
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown; readonly byShutdown: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trace: AttemptTrace | undefined;
  #transaction: 'none' | 'open' | 'committing' | 'committed' | 'rolled back' = 'none';
  /** While the transaction goes on: a handler that returns without waiting for it has not ended before. */
  #transacting: Promise<unknown> | undefined;
  /** The outcome that came while the transaction was being committed. */
  #held: Outcome | undefined;
  #ended = false;

  constructor(
    message: ClaimedMessage,
    handler: Handler,
    setting: AttemptSetting,
    onEnd: (outcome: Outcome) => void,
  ) {
    this.message = message;
    this.#handler = handler;
    this.#setting = setting;
    this.#onEnd = onEnd;
  }

  /** Calls the handler. A handler that returns at once ends the attempt before this returns. */
  start(): void {
    let answer: Promise<unknown> | undefined;
    this.#trace = this.#setting.trace?.attempt(this.message);
    try {
      const given = this.#trace ? this.#trace.call(() => this.#call()) : this.#call();
      // A thenable of the handler's own may break the rules of one; a promise made of it cannot.
      if (isThenable(given)) answer = Promise.resolve(given);
    } catch (error) {
      this.#fail(error);
      return;
    }
    answer ??= this.#transacting;
    if (answer === undefined) {
      this.#end({ kind: 'done' });
      return;
    }
    const timeoutMs = Math.min(this.#handler.timeoutMs ?? this.#setting.timeoutMs, longestTimerMs);
    this.#timer = setTimeout(() => {
      const error = new Error(
        `The handler for topic '${this.#handler.topic}' did not end within ${timeoutMs} ms.`,
      );
      error.name = 'TimeoutError';
      this.abort(error);
      this.#fail(error);
    }, timeoutMs);
    const fail = (error: unknown) => this.#fail(error);
    const succeed = () => this.#end({ kind: 'done' });
    answer.then(() => (this.#transacting ? this.#transacting.then(succeed, fail) : succeed()), fail);
  }

  /** Fires the handler's signal; the attempt goes on. After a shutdown's signal a failure does not count (Q5). */
  abort(reason: unknown, { byShutdown = false } = {}): void {
    this.#aborted ??= { reason, byShutdown };
    this.#controller?.abort(reason);
  }

  /** Whether the message was settled, in the handler's own transaction. */
  get settled(): boolean {
    return this.#transaction === 'committed';
  }

  /** See `HandlerContext.transaction`. */
  async transaction<Result>(
    work: (tx: HandlerTransaction<never>) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    if (this.#transaction !== 'none') {
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        'context.transaction was called twice in one attempt; do all that belongs together in one call.',
      );
    }
    if (this.#ended)
      throw new MultiOutboxError('ABORTED', 'The attempt has ended; it can begin no transaction.');
    this.#transaction = 'open';
    const transacting = this.#transact(work);
    this.#transacting = transacting;
    return transacting;
  }

  async #transact<Result>(
    work: (tx: HandlerTransaction<never>) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    const { transactions, tenant } = this.#setting;
    const { sequence } = this.message;
    try {
      const result = await transactions.transact({ sequence, signal: this.signal }, async (driver) => {
        const value = await work(transactionView(driver as never, transactions));
        this.#transaction = 'committing';
        publishPoint('commit:before', tenant.id);
        return value;
      });
      this.#transaction = 'committed';
      publishPoint('commit:after', tenant.id);
      return result;
    } catch (error) {
      this.#transaction = 'rolled back';
      throw error;
    } finally {
      this.#transacting = undefined;
      if (this.#held) this.#end(this.#held);
    }
  }

  /** Ends the attempt from outside. */
  interrupt(outcome: Outcome): void {
    this.#end(outcome);
  }

  #call(): unknown {
    const { schema } = this.#handler;
    const view = new MessageView(this.message);
    if (schema === undefined) return this.#handle(view);
    const checked = schema['~standard'].validate(view.data);
    return isThenable(checked)
      ? Promise.resolve(checked).then((result) => {
          const data = accepted(view, result);
          // The time may have run out while the payload was checked: then somebody else has the message.
          return this.#ended ? undefined : this.#handle(data);
        })
      : this.#handle(accepted(view, checked as StandardSchemaV1.Result<unknown>));
  }

  #handle(view: Message): unknown {
    return this.#handler.handle(view as Message<never>, new Context(this.#setting, this.message, this));
  }

  /** The handler's signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** W3C trace context of this attempt, or of the producer when no traces are recorded. */
  get trace(): HandlerContext['trace'] {
    return this.#trace?.headers ?? traceOf(this.message.headers);
  }

  #fail(error: unknown): void {
    if (this.#aborted?.byShutdown) {
      this.#end(outcomeOfInterruption(error));
      return;
    }
    const policy = { ...this.#setting.retry, ...this.#handler.retry };
    this.#end(outcomeOfError(error, this.message.attempt, policy, this.#setting.random));
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return;
    if (this.#transaction === 'committing') {
      this.#held ??= outcome;
      return;
    }
    this.#ended = true;
    clearTimeout(this.#timer);
    if (this.#transaction === 'open') this.abort(new MultiOutboxError('ABORTED', 'The attempt has ended.'));
    const last: Outcome = this.settled ? { kind: 'done' } : outcome;
    if (last.kind !== outcome.kind) this.#tellLate(outcome);
    this.#trace?.end(last, this.settled);
    this.#onEnd(last);
  }

  /** What went wrong after the commit; the message stays Done. */
  #tellLate(outcome: Outcome): void {
    const { messageId, topic } = this.message;
    this.#setting.logger.warn(
      'A handler failed after its transaction was committed; the message stays Done.',
      {
        messageId,
        topic,
        ...('error' in outcome && { error: outcome.error }),
      },
    );
  }
}

function transactionView(driver: never, { enqueue }: TransactionAccess): HandlerTransaction<never> {
  async function store(input: MessageInput | readonly MessageInput[]) {
    const results = await enqueue(newMessages(input), driver);
    return Array.isArray(input) ? results : results[0]!;
  }
  return { driver, enqueue: store as HandlerTransaction['enqueue'] };
}

/**
 * What surrounds the attempt, as the handler sees it. A class, and no literal with a getter: V8 gives every such literal a
 * hidden class of its own, which cost a third of a run's processor time.
 */
class Context implements HandlerContext {
  readonly tenant: HandlerContext['tenant'];
  readonly queue: QueueName;
  readonly attempt: number;
  readonly fence: number;
  readonly idempotencyKey: string;
  readonly logger: Logger;
  readonly trace: HandlerContext['trace'];
  readonly #attempt: Attempt;

  constructor(setting: AttemptSetting, message: ClaimedMessage, attempt: Attempt) {
    this.tenant = setting.tenant;
    this.queue = setting.queue;
    this.attempt = message.attempt;
    this.fence = setting.fence;
    this.idempotencyKey = `${setting.tenant.id}:${message.messageId}`;
    this.logger = setting.logger;
    this.trace = attempt.trace;
    this.#attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  /** Made when read, so that it can be taken out of the context. */
  get transaction(): HandlerContext['transaction'] {
    return (work) => {
      const result = this.#attempt.transaction(work);
      // A handler need not wait for it: the attempt does. Nobody's rejection would end the process.
      result.catch(() => {});
      return result;
    };
  }
}

const noTrace: HandlerContext['trace'] = Object.freeze({});

function traceOf({ traceparent, tracestate }: ClaimedMessage['headers']): HandlerContext['trace'] {
  if (traceparent === undefined && tracestate === undefined) return noTrace;
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
