/** Lets a limited number of callers work at once; the others wait in the order in which they arrived. */
export class Semaphore {
  readonly #permits: number;
  #inUse = 0;
  readonly #queue: (() => void)[] = [];
  readonly #onRelease: (() => void)[] = [];

  constructor(permits: number) {
    this.#permits = permits;
  }

  /** Runs `work` with a permit. @throws the signal's reason when it fires before a permit is free */
  async use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#inUse >= this.#permits) await this.#permit(signal);
    else this.#inUse++;
    try {
      return await work();
    } finally {
      for (const notify of this.#onRelease.splice(0)) notify();
      // The caller that has waited longest takes over this permit, so the count stays.
      const next = this.#queue.shift();
      if (next) next();
      else this.#inUse--;
    }
  }

  /**
   * Resolves when a permit is released (before the next caller gets it), or after `withinMs` milliseconds.
   * Returns undefined when no permit is in use.
   */
  released(withinMs: number): Promise<void> | undefined {
    if (this.#inUse === 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onRelease.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #permit(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#queue.splice(this.#queue.indexOf(enter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#queue.push(enter);
    });
  }
}
