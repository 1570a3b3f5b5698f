/**
 * The facts that a run on SQL Server remembers between its calls: its messages in flight, and where the index of due
 * messages begins.
 *
 * Each answer says where that index begins (`FromUtc`), and the next call starts to read there. Otherwise the server
 * would walk over the entries of settled messages, which it keeps as long as a long transaction may still read them.
 * But a message that its producer commits late may be due before `FromUtc`, so a run looks from the front again once a
 * second, and whenever a batch is not full.
 */
import type { ClaimedMessage } from '../../message.ts';
import type { Row } from '../database.ts';

/** Milliseconds after which a call looks at all due messages again, also at those that were committed late. */
const lookFromFrontAfterMs = 1_000;

/** A run's knowledge of its queue, under one fence. */
export class KnownQueue {
  readonly fence: number;
  /** The ordering keys of the messages that were claimed and are not settled yet, by sequence. */
  readonly inFlight = new Map<number, string | null>();
  /** Where the index of due messages begins; null when a call must look from its front. */
  #fromUtc: string | null = null;
  #lookedFromFrontAt = Number.NEGATIVE_INFINITY;
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
    if (from === null) this.#lookedFromFrontAt = sentAt;
  }

  claimed(messages: readonly ClaimedMessage[]): void {
    for (const { sequence, orderingKey } of messages) this.inFlight.set(sequence, orderingKey);
  }

  /** Drops a message that another call has settled. If it had a key, that call has unblocked the key's next message. */
  settledElsewhere(sequence: number): void {
    if (this.inFlight.get(sequence) !== null) {
      this.#fromUtc = null;
      this.#unblockedAt = performance.now();
    }
    this.inFlight.delete(sequence);
  }
}
