import type { ClaimedMessage, Outcome, SettledMessage } from '../engine/work-queue.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { publishPoint } from '../telemetry/points.ts';
import { Attempt, type AttemptSetting } from './attempt.ts';
import type { HandlerSet } from './handler-set.ts';
import { outcomeOfExhausted, outcomeOfUnhandledTopic } from './outcome.ts';
import type { RunTally } from './tally.ts';
import { type Assignment, WaitingMessages } from './waiting.ts';

export interface InHandOptions {
  readonly attempts: AttemptSetting;
  readonly handlers: HandlerSet;
  readonly dispatch: Settings['dispatch'];
  readonly tally: RunTally;
  readonly logger: Logger;
  /** Asked before each start. */
  readonly mayStart: () => boolean;
  /** Told whenever a message has got its outcome. */
  readonly onOutcome: () => void;
}

/**
 * The messages that a run has claimed and not settled: those that wait, those whose handlers run, and the outcomes of
 * those that have ended. Starts what may start whenever a place becomes free.
 */
export class MessagesInHand {
  readonly #options: InHandOptions;
  readonly #waiting = new WaitingMessages();
  /**
   * An array and no Set: a Set that is added to and deleted from for long leaves a chain of tables behind, each of which
   * keeps the next alive, with attempts and messages, once one of them has got into the old generation.
   */
  readonly #running: Attempt[] = [];
  #outcomes: SettledMessage[] = [];
  #starting = false;

  constructor(options: InHandOptions) {
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
    const { handlers, dispatch, attempts, tally } = this.#options;
    for (const message of messages) {
      const handler = handlers.find(message.topic, message.source);
      const maxAttempts = handler?.retry.maxAttempts ?? attempts.retry.maxAttempts;
      if (handler === undefined) {
        tally.unhandled(message.topic);
        this.#waiting.add({ message, handler: null, verdict: outcomeOfUnhandledTopic(message, dispatch) });
      } else if (message.attempt > maxAttempts) {
        this.#waiting.add({ message, handler: null, verdict: outcomeOfExhausted(message, maxAttempts) });
      } else {
        this.#waiting.add({ message, handler });
      }
    }
  }

  startWaiting(): void {
    // A handler that returns at once ends its attempt inside this loop, which would call it again.
    if (this.#starting) return;
    this.#starting = true;
    try {
      while (this.#running.length < this.#options.dispatch.concurrency && this.#options.mayStart()) {
        const assignment = this.#waiting.next();
        if (assignment === undefined) break;
        this.#start(assignment);
      }
    } finally {
      this.#starting = false;
    }
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

  /** Hands over the outcomes, to be settled. */
  takeOutcomes(): SettledMessage[] {
    const taken = this.#outcomes;
    this.#outcomes = [];
    return taken;
  }

  /** Takes back outcomes that could not be settled. */
  putBack(outcomes: readonly SettledMessage[]): void {
    this.#outcomes = [...outcomes, ...this.#outcomes];
  }

  #start(assignment: Assignment): void {
    if (assignment.handler === null) {
      this.#end(assignment, assignment.verdict);
      return;
    }
    const { attempts } = this.#options;
    const attempt: Attempt = new Attempt(assignment.message, assignment.handler, attempts, (outcome) => {
      this.#forget(attempt);
      this.#end(assignment, outcome, attempt.settled);
    });
    this.#running.push(attempt);
    publishPoint('handler:start', attempts.tenant.id);
    attempt.start();
  }

  #forget(attempt: Attempt): void {
    const last = this.#running.pop()!;
    if (last !== attempt) this.#running[this.#running.indexOf(attempt)] = last;
  }

  #end(assignment: Assignment, outcome: Outcome, isSettled = false): void {
    const { dispatch, logger, onOutcome, tally } = this.#options;
    const { sequence, messageId, topic, attempt } = assignment.message;
    if (isSettled) tally.count([{ sequence, ...outcome }], []);
    else this.#outcomes.push({ sequence, ...outcome });
    if (outcome.kind === 'dead') {
      logger.warn('A message went to Dead.', { messageId, topic, attempts: attempt });
    }
    const keyGoesOn = outcome.kind === 'done' || (outcome.kind === 'dead' && dispatch.onDead === 'continue');
    this.#release(this.#waiting.ended(assignment, keyGoesOn));
    this.startWaiting();
    onOutcome();
  }

  #release(messages: readonly ClaimedMessage[]): void {
    for (const { sequence } of messages) this.#outcomes.push({ sequence, kind: 'release', delayMs: 0 });
  }
}
