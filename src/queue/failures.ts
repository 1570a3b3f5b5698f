/** The failures of one queue's run, seen at once: log lines, the callbacks of code, and the topics that fail now (S1). */
import type { ClaimedMessage, Outcome } from '../engine/message.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { errorLabel, errorText, MultiOutboxError } from '../errors.ts';
import { stackFrames } from '../telemetry/error-stack.ts';
import type { LogLimit } from '../telemetry/log-limit.ts';
import type { LogFields, Logger } from '../telemetry/logger.ts';
import type { Attempt } from './attempt.ts';
import type { Handler } from './handler.ts';
import type { EndedMessage } from './outcome.ts';
import type { TopicResults } from './topic-results.ts';

/** The message of a failure. */
export interface FailedMessage {
  readonly tenantId: string;
  readonly queue: QueueName;
  readonly messageId: string;
  readonly topic: string;
}

/** An attempt that failed, for `onError`. */
export interface FailedAttempt extends FailedMessage {
  /** The attempt's number; the first is 1. */
  readonly attempt: number;
  /** What the handler threw; a TimeoutError after its timeout. Its text may quote the payload. */
  readonly error: unknown;
  /** Milliseconds from the end of the attempt until the next one is due; null when the message goes to Dead. */
  readonly nextTryInMs: number | null;
}

/** A message that is Dead now, for `onDeadMessage`. */
export interface DeadMessage extends FailedMessage {
  /** How many times its handler was started. */
  readonly attempts: number;
  /** The error as it is stored with the message. It may quote the payload. */
  readonly reason: string;
}

/** What all runs of a process share. */
export interface FailureListeners {
  readonly limit: Pick<LogLimit, 'allows'>;
  /** Must not throw. */
  readonly onError: (failure: FailedAttempt) => void;
  /** Must not throw. */
  readonly onDeadMessage: (dead: DeadMessage) => void;
}

export const noListeners: FailureListeners = {
  limit: { allows: () => true },
  onError() {},
  onDeadMessage() {},
};

/** One name for all topics without a handler in the bounds of the log, because their number has no bound. */
const noHandler = '(no handler)';

export interface RunFailuresOptions {
  readonly tenantId: string;
  readonly queue: QueueName;
  readonly logger: Logger;
  readonly logsHandlerText: boolean;
  readonly listeners: FailureListeners;
  readonly results: Pick<TopicResults, 'failed'>;
}

type Failure = Extract<Outcome, { kind: 'retry' | 'dead' }>;

export class RunFailures {
  readonly #options: RunFailuresOptions;
  /** By sequence: the messages whose outcome is Dead and not settled yet. */
  readonly #dying = new Map<number, DeadMessage>();

  constructor(options: RunFailuresOptions) {
    this.#options = options;
  }

  /** An attempt ended with this failure. */
  attemptFailed({ message, handler, thrown }: Attempt, outcome: Failure): void {
    const { listeners, logger, logsHandlerText, results } = this.#options;
    const { attempt } = message;
    const error = thrown ? thrown.error : new MultiOutboxError('ABORTED', outcome.error);
    const nextTryInMs = outcome.kind === 'retry' ? Math.round(outcome.delayMs) : null;
    const text = logsHandlerText ? errorText(error) : errorLabel(error);
    const of = this.#about(message);
    results.failed({ topic: handler.topic, source: message.source }, of.messageId, text);
    if (listeners.limit.allows(outcome.kind === 'retry' ? 'retried' : 'dead', { topic: handler.topic })) {
      const { messageId, topic } = message;
      if (nextTryInMs === null) logDead(logger, { messageId, topic, attempts: attempt, error: text });
      else
        logger.warn('An attempt failed; the message is tried again.', {
          messageId,
          topic,
          attempt,
          nextTryInMs,
          error: text,
        });
      const stack = stackFrames(error);
      if (stack !== null) logger.debug('The stack of the failed attempt.', { messageId, topic, stack });
    }
    if (outcome.kind === 'dead') this.#dies(message, attempt, outcome.error);
    listeners.onError({ ...of, attempt, error, nextTryInMs });
  }

  /** A message goes to Dead without having been started. */
  refused(message: ClaimedMessage, reason: string, handler: Pick<Handler, 'topic'> | undefined): void {
    const { listeners, logger, results } = this.#options;
    const { messageId, topic, sequence } = message;
    const attempts = message.attempt - 1;
    if (handler) results.failed({ topic: handler.topic, source: message.source }, messageId, reason);
    if (listeners.limit.allows('dead', { topic: handler?.topic ?? noHandler }))
      logDead(logger, { messageId, sequence, topic, attempts, error: reason });
    this.#dies(message, attempts, reason);
  }

  /** The engine has answered for these outcomes. */
  settled(outcomes: readonly EndedMessage[], unmatched: readonly number[]): void {
    if (this.#dying.size === 0) return;
    for (const { sequence, kind } of outcomes) {
      const dead = kind === 'dead' ? this.#dying.get(sequence) : undefined;
      if (dead === undefined) continue;
      this.#dying.delete(sequence);
      // Another run has the message, so it is not Dead.
      if (!unmatched.includes(sequence)) this.#options.listeners.onDeadMessage(dead);
    }
  }

  #dies(message: ClaimedMessage, attempts: number, reason: string): void {
    this.#dying.set(message.sequence, { ...this.#about(message), attempts, reason });
  }

  #about({ messageId, topic }: ClaimedMessage): FailedMessage {
    const { tenantId, queue } = this.#options;
    return { tenantId, queue, messageId, topic };
  }
}

function logDead(logger: Logger, fields: LogFields): void {
  logger.warn('A message went to Dead; it waits for replay or discard.', fields);
}
