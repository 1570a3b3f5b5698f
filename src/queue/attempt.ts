import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ClaimedMessage, Outcome } from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import type { AttemptTrace, RunTrace } from '../telemetry/spans.ts';
import { AttemptContext, type ContextSetting } from './attempt-context.ts';
import { AttemptTransaction, type TransactionAccess, type TransactionWork } from './attempt-transaction.ts';
import type { Handler, Message } from './handler.ts';
import { accepted, MessageView } from './message-view.ts';
import { outcomeOfError, outcomeOfInterruption } from './outcome.ts';
import type { RetryPolicy } from './retry.ts';

/** A timer that is set for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** What all attempts of one dispatch run share. */
export interface AttemptSetting extends ContextSetting {
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly random: () => number;
  readonly transactions: TransactionAccess;
  readonly trace?: RunTrace | undefined;
}

/**
 * One start of one message. `onEnded` is called once, with the outcome: when the handler has ended, its time is up, or
 * `interrupt` was called. What a handler does after that changes nothing. The end waits for a commit under way; once the
 * handler's transaction is committed the message is settled, and the outcome is Done whatever follows.
 */
export class Attempt {
  readonly message: ClaimedMessage;
  readonly handler: Handler;
  readonly #setting: AttemptSetting;
  readonly #onEnded: (attempt: Attempt, outcome: Outcome) => void;
  /** Made when the handler first asks for its signal: most never do. */
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown; readonly byShutdown: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trace: AttemptTrace | undefined;
  #transaction: AttemptTransaction | undefined;
  /** While the transaction goes on: a handler that returns without waiting for it has not ended before. */
  #transacting: Promise<unknown> | undefined;
  /** The outcome that came while the transaction was being committed. */
  #outcomeAtCommit: Outcome | undefined;
  #ended = false;

  constructor(
    message: ClaimedMessage,
    handler: Handler,
    setting: AttemptSetting,
    onEnded: (attempt: Attempt, outcome: Outcome) => void,
  ) {
    this.message = message;
    this.handler = handler;
    this.#setting = setting;
    this.#onEnded = onEnded;
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
    this.#limitTime();
    const fail = (error: unknown) => this.#fail(error);
    const succeed = () => this.#end({ kind: 'done' });
    answer.then(() => (this.#transacting ? this.#transacting.then(succeed, fail) : succeed()), fail);
  }

  /** Fires the handler's signal; the attempt goes on. After a shutdown's signal a failure does not count (Q5). */
  abort(reason: unknown, { byShutdown = false } = {}): void {
    this.#aborted ??= { reason, byShutdown };
    this.#controller?.abort(reason);
  }

  /** Ends the attempt from outside. */
  interrupt(outcome: Outcome): void {
    this.#end(outcome);
  }

  /** Whether the message was settled, in the handler's own transaction. */
  get settled(): boolean {
    return this.#transaction?.state === 'committed';
  }

  /** See `HandlerContext.signal`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** See `HandlerContext.transaction`. */
  async transaction<Result>(work: TransactionWork<Result>): Promise<Result> {
    if (this.#transaction !== undefined) {
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        'context.transaction was called twice in one attempt; do all that belongs together in one call.',
      );
    }
    if (this.#ended)
      throw new MultiOutboxError('ABORTED', 'The attempt has ended; it can begin no transaction.');
    const { transactions, tenant } = this.#setting;
    this.#transaction = new AttemptTransaction(transactions, tenant.id);
    const transacting = this.#untilEnded(
      this.#transaction.run({ sequence: this.message.sequence, signal: this.signal }, work),
    );
    this.#transacting = transacting;
    return transacting;
  }

  async #untilEnded<Result>(transacting: Promise<Result>): Promise<Result> {
    try {
      return await transacting;
    } finally {
      this.#transacting = undefined;
      if (this.#outcomeAtCommit) this.#end(this.#outcomeAtCommit);
    }
  }

  #call(): unknown {
    const { schema } = this.handler;
    const view = new MessageView(this.message);
    if (schema === undefined) return this.#handle(view);
    const checked = schema['~standard'].validate(view.data);
    return isThenable(checked)
      ? Promise.resolve(checked).then((result) => {
          const data = accepted(view, result);
          // The time may have run out while the payload was checked: then another attempt has the message.
          return this.#ended ? undefined : this.#handle(data);
        })
      : this.#handle(accepted(view, checked as StandardSchemaV1.Result<unknown>));
  }

  #handle(view: Message): unknown {
    const context = new AttemptContext(this.#setting, this, this.#trace?.headers);
    return this.handler.handle(view as Message<never>, context);
  }

  #limitTime(): void {
    const timeoutMs = Math.min(this.handler.timeoutMs ?? this.#setting.timeoutMs, longestTimerMs);
    this.#timer = setTimeout(() => {
      const error = new Error(
        `The handler for topic '${this.handler.topic}' did not end within ${timeoutMs} ms.`,
      );
      error.name = 'TimeoutError';
      this.abort(error);
      this.#fail(error);
    }, timeoutMs);
  }

  #fail(error: unknown): void {
    if (this.#aborted?.byShutdown) {
      this.#end(outcomeOfInterruption(error));
      return;
    }
    const policy = { ...this.#setting.retry, ...this.handler.retry };
    this.#end(outcomeOfError(error, this.message.attempt, policy, this.#setting.random));
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return;
    if (this.#transaction?.state === 'committing') {
      this.#outcomeAtCommit ??= outcome;
      return;
    }
    this.#ended = true;
    clearTimeout(this.#timer);
    if (this.#transaction?.state === 'open')
      this.abort(new MultiOutboxError('ABORTED', 'The attempt has ended.'));
    const last: Outcome = this.settled ? { kind: 'done' } : outcome;
    if (last.kind !== outcome.kind) this.#warnOfFailureAfterCommit(outcome);
    this.#trace?.end(last, this.settled);
    this.#onEnded(this, last);
  }

  #warnOfFailureAfterCommit(outcome: Outcome): void {
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

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
