import type { StandardSchemaV1 } from '@standard-schema/spec';
import { lastUsed } from '../compiled-code.ts';
import { exactDuration } from '../duration-text.ts';
import type { ClaimedMessage, Outcome } from '../engine/message.ts';
import { adopted, errorLabel, errorName, errorText, MultiOutboxError } from '../errors.ts';
import { guardedSignal } from '../guarded-signal.ts';
import { stackFrames } from '../telemetry/error-stack.ts';
import type { AttemptFailure, AttemptTrace, RunTrace } from '../telemetry/spans.ts';
import { timerDelayMs } from '../timer-delay.ts';
import { AttemptContext, type ContextSetting } from './attempt-context.ts';
import { AttemptTransaction, type TransactionAccess, type TransactionWork } from './attempt-transaction.ts';
import type { Handler, Message } from './handler.ts';
import { accepted, MessageView, validatorError } from './message-view.ts';
import { outcomeOfError, outcomeOfInterruption } from './outcome.ts';
import type { RetryPolicy } from './retry.ts';
import { textsOf } from './schema-issues.ts';
import { TransactionPromise } from './transaction-promise.ts';

/** The settings that all attempts of one dispatch run share. */
export interface AttemptSetting extends ContextSetting {
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly random: () => number;
  /** Whether log lines may have the text of a handler's error, which may quote a payload. Default: false. */
  readonly logsHandlerText?: boolean;
  readonly transactions: TransactionAccess;
  readonly trace?: RunTrace | undefined;
}

/**
 * One attempt at one message. It calls `onEnded` once, with the outcome, when the handler has ended, its timeout has
 * passed, or `interrupt` was called. Nothing that the handler does after that changes the outcome. If a commit is
 * under way, the attempt waits for it before it ends. Once the handler's transaction is committed the message is
 * settled, and the outcome is Done even if the handler fails afterwards.
 */
export class Attempt {
  readonly message: ClaimedMessage;
  readonly handler: Handler;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly #setting: AttemptSetting;
  readonly #onEnded: (attempt: Attempt, outcome: Outcome) => void;
  /** Created when the handler first reads its signal, because most handlers never do. */
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown; readonly byShutdown: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trace: AttemptTrace | undefined;
  #transaction: AttemptTransaction | undefined;
  /**
   * Set while the transaction runs. An attempt whose handler returned without awaiting its transaction ends with the
   * transaction.
   */
  #transacting: Promise<unknown> | undefined;
  /** What the handler got of its calls of `transaction`; undefined before the first. */
  #calls: TransactionPromise<unknown>[] | undefined;
  /** The outcome that arrived during the transaction's commit. */
  #outcomeAtCommit: Outcome | undefined;
  #thrown: { readonly error: unknown } | undefined;
  #endedAt: number | undefined;

  /** @param startedAt by `performance.now()` */
  constructor(
    message: ClaimedMessage,
    handler: Handler,
    setting: AttemptSetting,
    startedAt: number,
    onEnded: (attempt: Attempt, outcome: Outcome) => void,
  ) {
    this.message = message;
    this.handler = handler;
    this.startedAt = startedAt;
    this.#setting = setting;
    this.#onEnded = onEnded;
  }

  /** Calls the handler. When the handler is synchronous, the attempt has ended before `start` returns. */
  start(): void {
    let answer: Promise<unknown> | undefined;
    this.#trace = this.#setting.trace?.attempt(this.message);
    try {
      const given = this.#trace ? this.#trace.call(() => this.#call()) : this.#call();
      if (isThenable(given)) answer = adopted(given);
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
    answer.then(() => {
      const left = this.#leftTransactions();
      if (left.length === 0) succeed();
      else Promise.all(left).then(succeed, fail);
    }, fail);
  }

  /** Transactions that the handler has left, or never awaited: it does not know whether they failed. */
  #leftTransactions(): Promise<unknown>[] {
    const unawaited = this.#calls?.filter(({ isAwaited }) => !isAwaited) ?? [];
    return this.#transacting === undefined ? unawaited : [...unawaited, this.#transacting];
  }

  /**
   * Fires the handler's signal; the attempt goes on. If the handler fails after a shutdown's signal, the attempt does
   * not count (Q5).
   */
  abort(reason: unknown, { byShutdown = false } = {}): void {
    this.#aborted ??= { reason, byShutdown };
    this.#controller?.abort(reason);
  }

  /** Ends the attempt with this outcome, though the handler has not ended. */
  interrupt(outcome: Outcome): void {
    this.#end(outcome);
  }

  /** Whether the handler's own transaction has settled the message. */
  get settled(): boolean {
    return this.#transaction?.state === 'committed';
  }

  /** By `performance.now()`; undefined while the attempt goes on. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  /** What the handler threw first; undefined when it threw nothing. */
  get thrown(): { readonly error: unknown } | undefined {
    return this.#thrown;
  }

  /** See `HandlerContext.signal`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      guardedSignal(this.#controller.signal, (error) => this.#listenerFailed(error));
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** See `HandlerContext.transaction`. */
  transaction<Result>(work: TransactionWork<Result>): Promise<Result> {
    const call = TransactionPromise.of(this.#transact(work));
    this.#calls ??= [];
    this.#calls.push(call);
    return call;
  }

  async #transact<Result>(work: TransactionWork<Result>): Promise<Result> {
    if (this.#transaction !== undefined) {
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        'context.transaction was called twice in one attempt, but an attempt has only one transaction; put all its statements into one call.',
      );
    }
    if (this.#endedAt !== undefined)
      throw new MultiOutboxError(
        'ABORTED',
        'The attempt has ended, so context.transaction cannot begin a transaction; stop when context.signal fires.',
      );
    const { transactions, tenant } = this.#setting;
    this.#transaction = new AttemptTransaction(transactions, tenant.id);
    const transacting = this.#untilEnded(
      this.#transaction.run(
        {
          sequence: this.message.sequence,
          messageId: this.message.messageId,
          signal: this.signal,
        },
        work,
      ),
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
    const { data } = view;
    textsOf(schema);
    let checked: ReturnType<StandardSchemaV1.Props['validate']>;
    try {
      checked = schema['~standard'].validate(data);
    } catch (error) {
      throw validatorError(error);
    }
    if (!isThenable(checked)) return this.#handle(accepted(view, schema, checked));
    const rejected = (error: unknown) => {
      throw validatorError(error);
    };
    return Promise.resolve(checked).then((result) => {
      const given = accepted(view, schema, result);
      // The timeout may have passed while the schema checked the payload: then another attempt has the message.
      return this.#endedAt !== undefined ? undefined : this.#handle(given);
    }, rejected);
  }

  #handle(view: Message): unknown {
    const context = new AttemptContext(this.#setting, this, this.#trace?.headers);
    lastUsed.attempt = this;
    lastUsed.message = view;
    lastUsed.context = context;
    return this.handler.handle(view as Message<never>, context);
  }

  #limitTime(): void {
    const timeoutMs = timerDelayMs(this.handler.timeoutMs ?? this.#setting.timeoutMs);
    this.#timer = setTimeout(() => {
      const error = new Error(
        `The handler for topic '${this.handler.topic}' did not end within its timeout of ${exactDuration(timeoutMs)}; make it faster, or raise its timeout.`,
      );
      error.name = 'TimeoutError';
      this.abort(error);
      this.#fail(error);
    }, timeoutMs);
  }

  #fail(error: unknown): void {
    this.#thrown ??= { error };
    if (this.#aborted?.byShutdown) {
      this.#end(outcomeOfInterruption(error));
      return;
    }
    const policy = { ...this.#setting.retry, ...this.handler.retry };
    this.#end(outcomeOfError(error, this.message.attempt, policy, this.#setting.random));
  }

  #end(outcome: Outcome): void {
    if (this.#endedAt !== undefined) return;
    if (this.#transaction?.state === 'committing') {
      this.#outcomeAtCommit ??= outcome;
      return;
    }
    this.#endedAt = performance.now();
    clearTimeout(this.#timer);
    if (this.#transaction?.state === 'open')
      this.abort(
        new MultiOutboxError(
          'ABORTED',
          'The attempt ended before its transaction did; await the transaction in the handler.',
        ),
      );
    const { settled } = this;
    if (settled && outcome.kind !== 'done') this.#warnOfFailureAfterCommit(outcome);
    const last: Outcome = settled ? { kind: 'done' } : outcome;
    this.#trace?.end(last, settled, this.#failure(last));
    this.#onEnded(this, last);
  }

  /** What the span of a failed attempt says about its error. */
  #failure({ kind }: Outcome): AttemptFailure | undefined {
    if (this.#thrown === undefined || (kind !== 'retry' && kind !== 'dead')) return undefined;
    const { error } = this.#thrown;
    const text = this.#setting.logsHandlerText ? errorText(error) : undefined;
    return { type: errorLabel(error), text, stack: stackFrames(error) };
  }

  #listenerFailed(error: unknown): void {
    const { messageId, topic } = this.message;
    const { logger, logsHandlerText } = this.#setting;
    logger.error("A listener of a handler's signal threw an error, which changes nothing; correct it.", {
      messageId,
      topic,
      error: logsHandlerText ? errorText(error) : errorName(error),
    });
  }

  #warnOfFailureAfterCommit({ error }: Exclude<Outcome, { kind: 'done' }>): void {
    const { messageId, topic } = this.message;
    this.#setting.logger.warn(
      'A handler failed after its transaction was committed; the message stays Done.',
      { messageId, topic, ...(this.#setting.logsHandlerText && { error }) },
    );
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
