/** Lets a limited number through at once, the others in the order they came. */
export class Gate {
  readonly #limit: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #onlookers: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws the signal's reason when it fires before there is room */
  async through<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#inside >= this.#limit) await this.#turn(signal);
    else this.#inside++;
    try {
      return await work();
    } finally {
      for (const go of this.#onlookers.splice(0)) go();
      // Whoever waits longest takes this one's place; the count stays.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }

  /**
   * Resolves when somebody comes out, before the next is let in, or after `withinMs`; undefined when nobody is inside.
   */
  left(withinMs: number): Promise<void> | undefined {
    if (this.#inside === 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onlookers.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(enter);
    });
  }
}
