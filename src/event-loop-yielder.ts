import { setImmediate as immediate } from 'node:timers/promises';

/** Keeps a long loop from blocking the event loop; the loop calls `yieldIfDue` once for each item. */
export class EventLoopYielder {
  readonly #longestMs: number;
  #since = performance.now();

  /** @param longestMs how long the loop may go on without a yield, in milliseconds, but for the length of one item */
  constructor(longestMs = 5) {
    this.#longestMs = longestMs;
  }

  /** Resolves at once; or, after `longestMs` or more without a yield, when pending events have been handled. */
  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.#since < this.#longestMs) return;
    await immediate();
    this.#since = performance.now();
  }
}
