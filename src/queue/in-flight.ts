import type { ClaimedMessage, Outcome, SettledMessage } from '../engine/work-queue.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { publishPoint } from '../telemetry/points.ts';
import { Attempt, type AttemptSetting } from './attempt.ts';
import type { HandlerSet } from './handler-set.ts';
import { outcomeOfExhausted, outcomeOfUnhandledTopic, type Parking } from './outcome.ts';
import type { RunTally } from './tally.ts';
import { type Assignment, WaitingMessages } from './waiting.ts';

export interface InFlightOptions {
  readonly attempts: AttemptSetting;
  readonly handlers: HandlerSet;
  readonly dispatch: Settings['dispatch'];
  readonly parking?: Parking | undefined;
  readonly tally: RunTally;
  readonly logger: Logger;
  /** Called when an attempt that `startNext` has started has ended; whoever is called calls `end` in turn. */
  readonly onEnded: (attempt: Attempt, outcome: Outcome) => void;
}

/**
 * The messages that a run has claimed and not settled: those that wait, those whose handlers run, and the outcomes of
 * those that have ended.
 */
export class MessagesInFlight {
  readonly #options: InFlightOptions;
  readonly #waiting = new WaitingMessages();
  /**
   * An array and no Set: a Set that is added to and deleted from for long leaves a chain of tables behind, each of which
   * keeps the next alive, with attempts and messages, once one of them has got into the old generation.
   */
  readonly #running: Attempt[] = [];
  readonly #outcomes: SettledMessage[] = [];

  constructor(options: InFlightOptions) {
    this.#options = options;
  }

  /** How many wait for their start. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#running.length;
  }

  /** How many handlers run whose message is not settled by a transaction of their own. */
  get unsettled(): number {
    return this.#running.filter(({ settled }) => !settled).length;
  }

  /** How many have ended and are not settled. */
  get ended(): number {
    return this.#outcomes.length;
  }

  accept(messages: readonly ClaimedMessage[]): void {
    for (const message of messages) this.#waiting.add(this.#assign(message));
  }

  /** Starts the message whose turn it is; false when none may start, since none waits or all places are taken. */
  startNext(): boolean {
    const { attempts, dispatch, onEnded } = this.#options;
    if (this.#running.length >= dispatch.concurrency) return false;
    const next = this.#waiting.next();
    if (next === undefined) return false;
    if (next.handler === null) {
      this.#finish(next, next.verdict);
      return true;
    }
    const attempt = new Attempt(next.message, next.handler, attempts, onEnded);
    this.#running.push(attempt);
    publishPoint('handler:start', attempts.tenant.id);
    attempt.start();
    return true;
  }

  /** Takes in the outcome of an attempt that has ended. */
  end(attempt: Attempt, outcome: Outcome): void {
    const last = this.#running.pop()!;
    if (last !== attempt) this.#running[this.#running.indexOf(attempt)] = last;
    this.#finish(attempt, outcome, attempt.settled);
  }

  /** Gives back, unstarted, all that wait. */
  releaseWaiting(): void {
    this.#release(this.#waiting.drain());
  }

  /** Fires the signal of every handler that runs. */
  abort(reason: unknown, options: { byShutdown: boolean }): void {
    for (const attempt of [...this.#running]) attempt.abort(reason, options);
  }

  /** Ends every attempt that still runs with this outcome; its handler is left behind. */
  interrupt(outcome: Outcome): void {
    for (const attempt of [...this.#running]) attempt.interrupt(outcome);
  }

  /** What has ended and is not settled, in the order it ended. */
  outcomes(): readonly SettledMessage[] {
    return [...this.#outcomes];
  }

  /** Drops the outcomes that were handed out last: they have been settled. Those that came since stay. */
  forget(outcomes: readonly SettledMessage[]): void {
    this.#outcomes.splice(0, outcomes.length);
  }

  /** The handler that will get the message, or the verdict where none may. */
  #assign(message: ClaimedMessage): Assignment {
    const { handlers, dispatch, parking, attempts, tally } = this.#options;
    const handler = handlers.find(message.topic, message.source);
    if (handler === undefined) {
      tally.unhandled(message.topic);
      const verdict = outcomeOfUnhandledTopic(message, dispatch.unhandledTopics, parking);
      return { message, handler: null, verdict };
    }
    const maxAttempts = handler.retry.maxAttempts ?? attempts.retry.maxAttempts;
    if (message.attempt <= maxAttempts) return { message, handler };
    return { message, handler: null, verdict: outcomeOfExhausted(message, maxAttempts) };
  }

  #finish(assignment: Pick<Assignment, 'message' | 'handler'>, outcome: Outcome, isSettled = false): void {
    const { dispatch, logger, tally } = this.#options;
    const { sequence, messageId, topic, attempt } = assignment.message;
    if (isSettled) tally.count([{ sequence, ...outcome }], []);
    else this.#outcomes.push({ sequence, ...outcome });
    if (outcome.kind === 'dead') {
      logger.warn('A message went to Dead.', { messageId, topic, attempts: attempt });
    }
    const keyGoesOn = outcome.kind === 'done' || (outcome.kind === 'dead' && dispatch.onDead === 'continue');
    this.#release(this.#waiting.ended(assignment, keyGoesOn));
  }

  #release(messages: readonly ClaimedMessage[]): void {
    for (const { sequence } of messages) this.#outcomes.push({ sequence, kind: 'release', delayMs: 0 });
  }
}
