import type { ClaimedMessage, NewMessage, SettleRequest, SettleResult } from '../engine/work-queue.ts';

/**
 * Milliseconds: how long messages that become due meanwhile wait at most for a run that has places free and only waits
 * for slow handlers. Outcomes that are ready go along.
 */
const answerIsOldAfterMs = 1_000;

/** What a dispatch run knows of the messages that it has not claimed. */
export class Backlog {
  /** More can be claimed, as the engine last said. */
  more = false;
  /** A recovered message is in flight, or is due: nothing is claimed beside it (Q7). */
  solo = false;
  answerIsOld = false;
  #nextDueInMs: number | null = null;
  #enqueuedDueInMs = Number.POSITIVE_INFINITY;
  /** A claim failed without an answer: there may be messages claimed for this run that it knows nothing of. */
  #isClaimUnknown = false;
  #timer: NodeJS.Timeout | undefined;

  /** As the report says it: the tenant stays due while `more`. */
  get left(): { readonly more: boolean; readonly nextDueInMs: number | null } {
    const soonest = Math.min(this.#nextDueInMs ?? Number.POSITIVE_INFINITY, this.#enqueuedDueInMs);
    return {
      more: this.more || this.#isClaimUnknown,
      nextDueInMs: soonest === Number.POSITIVE_INFINITY ? null : soonest,
    };
  }

  /** Takes in what the engine says is left in the table. */
  see({ more, nextDueInMs }: { readonly more: boolean; readonly nextDueInMs: number | null }): void {
    this.more = more;
    this.#nextDueInMs = nextDueInMs;
  }

  /** Takes in the answer to a settle. */
  answered(result: SettleResult, then: SettleRequest['then']): void {
    this.see(result);
    // What is left is the new holder's to say; should it die, the tenant must not be thought empty.
    if (result.lease === 'lost') this.more = true;
    if (then.do !== 'claim') return;
    if (then.solo) this.solo = false;
    // Due messages that a claim beside others did not give are recovered ones: they want to be alone.
    else if (result.messages.length === 0 && result.more) this.solo = true;
  }

  claimed(messages: readonly ClaimedMessage[]): void {
    if (messages.some(({ recovered }) => recovered)) this.solo = true;
  }

  /** A claim failed, and it is not known whether it was carried out. */
  claimFailed(): void {
    this.#isClaimUnknown = true;
  }

  /** Takes in what a handler stored in another queue, whose run may be over. */
  enqueued(messages: readonly NewMessage[]): void {
    for (const { dueInMs = 0 } of messages) this.#enqueuedDueInMs = Math.min(this.#enqueuedDueInMs, dueInMs);
  }

  /** Calls `onOld` once the answer that came just now has become old. */
  watch(onOld: () => void): void {
    this.stopWatching();
    this.answerIsOld = false;
    this.#timer = setTimeout(() => {
      this.answerIsOld = true;
      onOld();
    }, answerIsOldAfterMs);
  }

  stopWatching(): void {
    clearTimeout(this.#timer);
  }
}
