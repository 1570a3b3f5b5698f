import type { ClaimedMessage, Outcome } from '../engine/message.ts';
import type { Settings } from '../settings.ts';
import { publishPoint } from '../telemetry/points.ts';
import { Attempt, type AttemptSetting } from './attempt.ts';
import type { RunFailures } from './failures.ts';
import type { Handler } from './handler.ts';
import type { HandlerSet } from './handler-set.ts';
import type { LoopBlocks } from './loop-blocks.ts';
import {
  type EndedMessage,
  outcomeOfExhausted,
  outcomeOfUnhandledTopic,
  outcomeOfUnreadable,
  type Parking,
} from './outcome.ts';
import type { Rooms } from './rooms.ts';
import type { RunTally } from './tally.ts';
import { type Assignment, WaitingMessages } from './waiting.ts';

export interface InFlightOptions {
  readonly attempts: AttemptSetting;
  readonly handlers: HandlerSet;
  readonly dispatch: Settings['dispatch'];
  readonly parking?: Parking | undefined;
  readonly rooms: Rooms;
  readonly tally: RunTally;
  readonly blocks: LoopBlocks;
  readonly failures: RunFailures;
  /** Called when an attempt that `startNext` started has ended. The callback must call `end`. */
  readonly onEnded: (attempt: Attempt, outcome: Outcome) => void;
}

/**
 * The messages that a run has claimed and not yet settled: waiting messages, running attempts, and the outcomes of
 * ended attempts.
 */
export class MessagesInFlight {
  readonly #options: InFlightOptions;
  readonly #waiting: WaitingMessages;
  /**
   * This is an array and not a Set. When items are added to a Set and deleted from it for long, V8 leaves a chain of
   * old tables. Once one of the tables is in the old generation, it keeps the later tables alive, with their
   * attempts and messages.
   */
  readonly #running: Attempt[] = [];
  readonly #outcomes: EndedMessage[] = [];
  /** Running attempts whose messages the run has claimed again. */
  readonly #claimedAgain = new Set<Attempt>();

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#waiting = new WaitingMessages((message) => options.rooms.unblocked(this.#handlerFor(message)));
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many waiting messages may start now, but for the run's concurrency. */
  get startable(): number {
    return this.#waiting.startable;
  }

  get running(): number {
    return this.#running.length;
  }

  /** How many messages whose handler was started have no settled outcome: they are lost if the run ends now. */
  get unsettled(): number {
    const running = this.#running.filter(({ settled }) => !settled);
    return running.length + this.#outcomes.filter(({ started }) => started).length;
  }

  /** The topic of each running attempt's handler. */
  topics(): string[] {
    return this.#running.map(({ handler }) => handler.topic);
  }

  /** How many messages have an outcome that the engine has not settled yet. */
  get ended(): number {
    return this.#outcomes.length;
  }

  /**
   * Takes claimed messages over. If the database was restored while the run went on, the run may claim a message that
   * it has in flight already: the message is not started again, and the outcome of its attempt settles it. If the attempt's own
   * transaction has settled it, nobody knows whether before the restore, which has undone that, or after the claim: the message is
   * released, which changes nothing if it is Done.
   */
  accept(messages: readonly ClaimedMessage[]): void {
    const known = this.#unsettledAmong(messages);
    for (const message of messages) {
      const identity = identityOf(message);
      if (known?.has(identity)) {
        const attempt = this.#running.find((each) => identityOf(each.message) === identity);
        if (attempt !== undefined) this.#claimedAgain.add(attempt);
        continue;
      }
      const assignment = this.#assign(message);
      if (this.#waiting.add(assignment)) this.#options.rooms.claimed(this.#handlerOf(assignment));
    }
  }

  /**
   * Starts the next message. Returns the time after that, for the next start; undefined when no message waits, or the run's
   * concurrency is used up.
   * @param now by `performance.now()`, which is not read more often than needed: it costs more than many a handler
   */
  startNext(now: number): number | undefined {
    const { attempts, dispatch, blocks, tally, onEnded } = this.#options;
    if (this.#running.length >= dispatch.concurrency) return undefined;
    const next = this.#waiting.next();
    if (next === undefined) return undefined;
    if (next.handler === null) {
      this.#finish(next, next.verdict);
      if (next.verdict.kind !== 'dead') return now;
      this.#options.failures.refused(next.message, next.verdict.error, this.#handlerOf(next));
      return performance.now();
    }
    const attempt = new Attempt(next.message, next.handler, attempts, now, onEnded);
    tally.times.started(next.message, now);
    this.#running.push(attempt);
    publishPoint('handler:start', attempts.tenant.id);
    attempt.start();
    const returnedAt = attempt.endedAt ?? performance.now();
    blocks.called(next.handler.topic, returnedAt - now);
    // A logger, or what takes the traces, is foreign code, and may have taken any time since the handler returned.
    return attempt.thrown === undefined && attempts.trace === undefined ? returnedAt : performance.now();
  }

  /** Records the outcome of an attempt that has ended. */
  end(attempt: Attempt, outcome: Outcome): void {
    const last = this.#running.pop()!;
    if (last !== attempt) this.#running[this.#running.indexOf(attempt)] = last;
    this.#options.tally.times.ended(attempt.handler.topic, attempt.endedAt! - attempt.startedAt);
    this.#finish(attempt, outcome, attempt.settled);
    if (this.#claimedAgain.delete(attempt) && attempt.settled) this.#release([attempt.message]);
    if (outcome.kind === 'retry' || outcome.kind === 'dead')
      this.#options.failures.attemptFailed(attempt, outcome);
  }

  /** Releases all waiting messages unstarted. The run claims no more then, so their room is not needed. */
  releaseWaiting(): void {
    this.#release(this.#waiting.drain());
  }

  /** Fires the signal of every running handler. */
  abort(reason: unknown, options: { byShutdown: boolean }): void {
    for (const attempt of [...this.#running]) attempt.abort(reason, options);
  }

  /** Ends every running attempt with this outcome, without waiting for its handler. */
  interrupt(outcome: Outcome): void {
    for (const attempt of [...this.#running]) attempt.interrupt(outcome);
  }

  /** The outcomes that are not settled, in the order in which their attempts ended. */
  outcomes(): readonly EndedMessage[] {
    return [...this.#outcomes];
  }

  /** Drops these outcomes, which have been settled; later ones stay. */
  forget(outcomes: readonly EndedMessage[]): void {
    this.#outcomes.splice(0, outcomes.length);
  }

  /**
   * The identities of the messages in flight; undefined if none of them can be among these. A message that is claimed twice keeps
   * its sequence, and a claim's sequences usually lie beyond those in flight: comparing the two ranges costs much less
   * than a set of ids for each claim.
   */
  #unsettledAmong(claimed: readonly ClaimedMessage[]): ReadonlySet<string | number> | undefined {
    const unsettled: Pick<ClaimedMessage, 'sequence' | 'messageId'>[] = this.#waiting.messages();
    for (const { settled, message } of this.#running) if (!settled) unsettled.push(message);
    for (const outcome of this.#outcomes) unsettled.push(outcome);
    const [first, last] = sequenceRange(unsettled);
    const [firstClaimed, lastClaimed] = sequenceRange(claimed);
    if (lastClaimed < first || firstClaimed > last) return undefined;
    return new Set(unsettled.map(identityOf));
  }

  /** Finds the message's handler, or decides the outcome of a message that no handler may get. */
  #assign(message: ClaimedMessage): Assignment {
    const { dispatch, parking, attempts, tally } = this.#options;
    const handler = this.#handlerFor(message);
    if (message.unreadable !== undefined) {
      return { message, handler: null, verdict: outcomeOfUnreadable(message.unreadable) };
    }
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
    const { dispatch, rooms, tally } = this.#options;
    const { sequence, messageId, source } = assignment.message;
    const started = assignment.handler !== null;
    // Without the spread most outcomes get one hidden class, which costs a quarter of the time.
    const ended: EndedMessage =
      outcome.kind === 'done'
        ? { sequence, messageId, kind: 'done', started }
        : { sequence, messageId, ...outcome, started };
    if (outcome.kind === 'done') tally.results.succeeded(assignment.handler!.topic, source);
    if (isSettled) tally.count([ended], []);
    else this.#outcomes.push(ended);
    rooms.ended(this.#handlerOf(assignment));
    this.#release(this.#waiting.ended(assignment, unblocks(outcome.kind, dispatch.onDead)));
  }

  #release(messages: readonly ClaimedMessage[]): void {
    for (const message of messages) {
      const { sequence, messageId } = message;
      this.#outcomes.push({ sequence, messageId, kind: 'release', delayMs: 0, started: false });
    }
  }

  /** The handler of the message's topic, also when it does not get the message. */
  #handlerOf({ handler, message }: Pick<Assignment, 'message' | 'handler'>): Handler | undefined {
    return handler ?? this.#handlerFor(message);
  }

  #handlerFor({ topic, source }: ClaimedMessage): Handler | undefined {
    return this.#options.handlers.find(topic, source);
  }
}

/** The id of a message is '' if it cannot be read (Q15); its sequence then tells it apart. */
function identityOf({
  sequence,
  messageId,
}: Pick<ClaimedMessage, 'sequence' | 'messageId'>): string | number {
  return messageId === '' ? sequence : messageId;
}

/** Whether this kind of outcome lets the next message of the ordering group start (Q10). */
function unblocks(kind: Outcome['kind'], onDead: Settings['dispatch']['onDead']): boolean {
  switch (kind) {
    case 'done':
      return true;
    case 'dead':
      return onDead === 'continue';
    case 'retry':
    case 'release':
      return false;
  }
}

/** The lowest and the highest sequence; no number lies between those of an empty list. */
function sequenceRange(
  messages: readonly { readonly sequence: number }[],
): [lowest: number, highest: number] {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const { sequence } of messages) {
    if (sequence < lowest) lowest = sequence;
    if (sequence > highest) highest = sequence;
  }
  return [lowest, highest];
}
