/**
 * The facts that a run on SQL Server remembers between its calls: its messages in flight, where the index of due messages
 * begins, and whether the last batch was a plain one.
 *
 * Each answer says where that index begins (`FromUtc`), and the next call starts to read there. Otherwise the server
 * would walk over the entries of settled messages, which it keeps as long as a long transaction may still read them.
 * But a message that its producer commits late may be due before `FromUtc`, so a run looks from the front again once a
 * second, and whenever a batch is not full.
 */
import type { ClaimedMessage, SettledMessage } from '../../message.ts';
import type { Claim, SettleRequest } from '../../work-queue.ts';
import type { Row } from '../database.ts';

/** Milliseconds after which a call looks at all due messages again, also at those that were committed late. */
const lookFromFrontAfterMs = 1_000;

/** After so many calls in a row that tried the short way in vain, none tries it until one looks from the front. */
const mostRefusals = 2;

type Claimed = Pick<Claim, 'messages' | 'more' | 'throttled' | 'purged'>;

/** A run's knowledge of its queue, under one fence. */
export class KnownQueue {
  readonly fence: number;
  /** The messages that were claimed and are not settled yet, by sequence. */
  readonly inFlight = new Map<number, Pick<ClaimedMessage, 'messageId' | 'orderingKey'>>();
  /** Where the index of due messages begins; null when a call must look from its front. */
  #fromUtc: string | null = null;
  #lookedFromFrontAt = Number.NEGATIVE_INFINITY;
  /**
   * The id of the last claim's call, if the claim was full and left more, none of its messages was recovered, no other
   * message was in flight, and the call had nothing else to do. The next claim is probably like it.
   */
  #plainCallId: string | null = null;
  /** How many calls in a row could not take the short way that the last claim's id allows, since one looked from the front. */
  #refusals = 0;
  /** When another call last unblocked a message, which may be due before all others. */
  #unblockedAt = Number.NEGATIVE_INFINITY;

  constructor(fence: number) {
    this.fence = fence;
  }

  get fromUtc(): string | null {
    const isOld = performance.now() - this.#lookedFromFrontAt >= lookFromFrontAfterMs;
    return isOld ? null : this.#fromUtc;
  }

  /** Records an answer. `from`: the `fromUtc` that its call was sent with, at the time `sentAt`. */
  answered({ FromUtc }: Row, from: string | null, sentAt: number): void {
    // The parameter has the form of the server's own time, without a zone.
    const utc = FromUtc instanceof Date ? FromUtc.toISOString().slice(0, -1) : null;
    this.#fromUtc = this.#unblockedAt < sentAt ? utc : null;
    if (from !== null) return;
    this.#lookedFromFrontAt = sentAt;
    this.#refusals = 0;
  }

  /**
   * Records whether a call that named the last claim went the short way. The usual way moves what is often in the way:
   * followers before the messages that can be claimed. If the next try fails too, there is something else, and trying takes time.
   */
  tried(isShort: boolean): void {
    this.#refusals = isShort ? 0 : this.#refusals + 1;
  }

  /** Records the messages of a claim that could take at most `limit`. */
  claimed({ messages, more, throttled, purged }: Claimed, limit: number, callId: string): void {
    for (const { sequence, messageId, orderingKey } of messages)
      this.inFlight.set(sequence, { messageId, orderingKey });
    const isFull = more && messages.length === limit && this.inFlight.size === limit;
    const isPlain = isFull && !throttled && purged === 0 && !messages.some(({ recovered }) => recovered);
    this.#plainCallId = isPlain ? callId : null;
  }

  /**
   * The id of the last claim's call, if the next call settles all its messages as Done and its claim is probably plain. The
   * server then needs no list of outcomes: if no call was committed after that one, its claims are those of that answer.
   * Null otherwise, and when a call must look from the front, because that call does whatever else there is to do.
   */
  lastCallId({ outcomes, then }: SettleRequest): string | null {
    if (
      this.#plainCallId === null ||
      this.#refusals >= mostRefusals ||
      then.do !== 'claim' ||
      this.fromUtc === null
    )
      return null;
    const ends = new Set(outcomes.map(({ sequence }) => sequence));
    const areAllPlain =
      ends.size === this.inFlight.size && outcomes.every((outcome) => this.#isPlainEnd(outcome));
    return areAllPlain ? this.#plainCallId : null;
  }

  /** Whether a message in flight has an ordering key. */
  get isKeyed(): boolean {
    for (const { orderingKey } of this.inFlight.values()) if (orderingKey !== null) return true;
    return false;
  }

  /** Drops a message that another call has settled. If it had a key, that call has unblocked the key's next message. */
  settledElsewhere(sequence: number): void {
    if (this.inFlight.get(sequence)?.orderingKey !== null) {
      this.#fromUtc = null;
      this.#unblockedAt = performance.now();
    }
    this.inFlight.delete(sequence);
  }

  #isPlainEnd({ sequence, messageId, kind }: SettledMessage): boolean {
    const message = this.inFlight.get(sequence);
    return kind === 'done' && message?.messageId === messageId;
  }
}
