import { Alarm } from '../alarm.ts';
import type { ClaimedMessage, NewMessage } from '../engine/message.ts';
import type { BeginResult, Claim, SettleRequest, SettleResult, StoredCounts } from '../engine/work-queue.ts';

/**
 * Milliseconds after which a run with free concurrency asks the engine again while it waits for slow handlers. Messages
 * that become due meanwhile wait no longer than this. The call also settles the outcomes that are ready.
 */
const answerIsOldAfterMs = 1_000;

/**
 * Milliseconds after which another run goes on to remove Done messages (Q12): as long as the idle run before it may have
 * taken, so that half of the time the database and the run's slot are free.
 */
const nextPurgeInMs = 5_000;

/**
 * A message that is claimed together with one that kills its run has lost two attempts to it, the one of the first crash
 * included. It must then have enough left for a start by itself, and for failures of its own.
 */
const fewestAttemptsTogether = 5;

/** The facts that a dispatch run has about messages that it has not claimed. */
export class Backlog {
  /** Whether more can be claimed, by the engine's last answer. */
  more = false;
  /** A recovered message is in flight or due: the run must not claim another beside it (Q7). */
  solo = false;
  answerIsOld = false;
  /** Whether due messages wait until their topic has room, by the engine's last answer. */
  throttled = false;
  /** What the run has left in the queue; undefined until a call has ended the run. */
  stored: StoredCounts | undefined;
  /** Whether parked messages of topics with a handler are left. */
  #isParkedLeft = false;
  #nextDueInMs: number | null = null;
  /** When the first of the messages is due that handlers stored in another queue, by `performance.now()`. */
  #enqueuedDueAt = Number.POSITIVE_INFINITY;
  #isPurgeLeft = false;
  /** A claim failed without an answer, so the engine may have claimed messages that this run never received. */
  #isClaimUnknown = false;
  #onOld: () => void = () => {};
  readonly #old = new Alarm(() => {
    this.answerIsOld = true;
    this.#onOld();
  });
  readonly #fewestAttempts: number;
  #together = 1;

  /** @param fewestAttempts that a message of any handler gets */
  constructor(fewestAttempts: number) {
    this.#fewestAttempts = fewestAttempts;
  }

  /**
   * How many recovered messages the next solo claim may take: twice as many after each claim of recovered messages that
   * this run has survived (Q7).
   */
  get together(): number {
    return this.#fewestAttempts < fewestAttemptsTogether ? 1 : this.#together;
  }

  /** For the report: the tenant stays due while `more` is true. */
  get left(): { readonly more: boolean; readonly nextDueInMs: number | null; readonly purgeInMs?: number } {
    const enqueuedDueInMs = Math.max(0, Math.ceil(this.#enqueuedDueAt - performance.now()));
    const soonest = Math.min(this.#nextDueInMs ?? Number.POSITIVE_INFINITY, enqueuedDueInMs);
    return {
      more: this.more || this.#isClaimUnknown || this.#isParkedLeft,
      nextDueInMs: soonest === Number.POSITIVE_INFINITY ? null : soonest,
      ...(this.#isPurgeLeft && { purgeInMs: nextPurgeInMs }),
    };
  }

  /** Records what the engine reports to be left in the table. */
  see({
    more,
    throttled,
    nextDueInMs,
    stored,
  }: Pick<Claim, 'more' | 'throttled' | 'nextDueInMs' | 'stored'>): void {
    this.more = more;
    this.throttled = throttled;
    this.#nextDueInMs = nextDueInMs;
    this.stored = stored;
  }

  /** @param isPurgeLeft whether Done messages are left that another run has to remove (Q12) */
  begun(result: Exclude<BeginResult, { status: 'leased-elsewhere' }>, isPurgeLeft = false): void {
    this.see(result);
    this.#isPurgeLeft = isPurgeLeft;
    this.#isParkedLeft = result.parked.more;
  }

  /** Records the answer to a settle. */
  answered(result: SettleResult, then: SettleRequest['then']): void {
    this.see(result);
    // Only the lease's new holder knows what is left. If that holder dies, the tenant must still be due.
    if (result.lease === 'lost') this.more = true;
    if (then.do !== 'claim') return;
    if (then.solo) this.solo = false;
    else if (result.onlySolo) this.solo = true;
  }

  claimed(messages: readonly ClaimedMessage[]): void {
    if (!messages.some(({ recovered }) => recovered)) return;
    this.solo = true;
    // The next solo claim is made when these are settled.
    this.#together *= 2;
  }

  /** Records a claim that failed without saying whether the engine carried it out. */
  claimFailed(): void {
    this.#isClaimUnknown = true;
  }

  /** Records messages that a handler stored in another queue, whose run may be over. */
  enqueued(messages: readonly NewMessage[]): void {
    const now = performance.now();
    for (const { dueInMs = 0 } of messages)
      this.#enqueuedDueAt = Math.min(this.#enqueuedDueAt, now + dueInMs);
  }

  /** Marks the engine's answer as new, and calls `onOld` when it has become old. */
  watch(onOld: () => void): void {
    this.answerIsOld = false;
    this.#onOld = onOld;
    this.#old.set(performance.now() + answerIsOldAfterMs);
  }

  stopWatching(): void {
    this.#old.clear();
  }
}
