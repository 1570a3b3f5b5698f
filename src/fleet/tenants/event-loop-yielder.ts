import { setImmediate as immediate } from 'node:timers/promises';

const longestMs = 5;

/** Keeps a long loop from blocking the event loop; the loop calls `yieldIfDue` once for each item. */
export class EventLoopYielder {
  #since = performance.now();

  /** Resolves at once; or, after 5 milliseconds or more without a yield, when pending events have been handled. */
  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.#since < longestMs) return;
    await immediate();
    this.#since = performance.now();
  }
}
