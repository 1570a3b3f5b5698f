import { setImmediate as immediate } from 'node:timers/promises';

const longestMs = 5;

/** Lets others have their turn in long loops that compute. */
export class Breath {
  #since = performance.now();

  /** Resolves at once, but every few milliseconds after all that waits has had its turn. */
  async taken(): Promise<void> {
    if (performance.now() - this.#since < longestMs) return;
    await immediate();
    this.#since = performance.now();
  }
}
