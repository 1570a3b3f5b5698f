/** The calls of handlers. They happened, whatever becomes of the database. */
import type { Outcome } from '../../../src/engine/message.ts';
import type { SimulatedProcess } from '../machine/process.ts';

export interface Attempt {
  readonly messageId: string;
  readonly process: SimulatedProcess;
  /** The acquisition of the lease under which the message was claimed. */
  readonly acquisitionId: string;
  /** What it did. `late`: it ended after its signal had fired, so its outcome may not count. */
  state: 'running' | 'returned' | 'late' | 'failed' | 'refused' | 'snoozed';
  /** Whether its signal has fired, so that its run may have ended it while the handler goes on. */
  isAborted: () => boolean;
  /** Its outcome was settled, so it tells nothing about a later claim of the message. */
  isSettled: boolean;
  /** The handler asked for at least this delay, in milliseconds. */
  delayMs: number;
  /** The faults of its process and its tenant at its start: while there are no more, nothing excuses a repeat. */
  readonly troubles: number;
}

/** All calls of handlers, by message. */
export class Attempts {
  readonly #byMessage = new Map<string, Attempt[]>();

  /** Returns the earlier ones of the same message. */
  add(attempt: Attempt): readonly Attempt[] {
    const earlier = this.#byMessage.get(attempt.messageId) ?? [];
    this.#byMessage.set(attempt.messageId, [...earlier, attempt]);
    return earlier;
  }

  /** The last one under this acquisition of the lease whose outcome is not settled. */
  last(messageId: string, acquisitionId: string): Attempt | undefined {
    return this.#byMessage
      .get(messageId)
      ?.findLast((attempt) => attempt.acquisitionId === acquisitionId && !attempt.isSettled);
  }

  /**
   * The message has an outcome by this acquisition. The attempts of others stay as they are: a restore may give the message back
   * to them.
   */
  settled(messageId: string, acquisitionId: string): void {
    for (const attempt of this.#byMessage.get(messageId) ?? []) {
      if (attempt.acquisitionId === acquisitionId) attempt.isSettled = true;
    }
  }
}

/** Whether the outcome is one that the last attempt under the claim allows (D3, Q5). */
export function allows(last: Attempt | undefined, outcome: Outcome, isLastAttempt: boolean): boolean {
  const state = last?.state;
  const isCut = state === 'running' || state === 'late';
  const isFailure = state === 'failed' || isCut;
  switch (outcome.kind) {
    case 'done':
      return state === 'returned' || state === 'late';
    case 'retry':
      return (
        isFailure && !(state === 'failed' && isLastAttempt) && (isCut || outcome.delayMs >= last!.delayMs)
      );
    case 'dead':
      return (
        outcome.unstarted === true || state === 'refused' || state === 'late' || (isFailure && isLastAttempt)
      );
    case 'release':
      return state === undefined || isCut || (state === 'snoozed' && outcome.delayMs >= last!.delayMs);
  }
}
