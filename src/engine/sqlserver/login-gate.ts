/**
 * Lets a limited number through at once, the others in the order they came. Logins are dear for a server, and a sweep
 * over a cold fleet would start hundreds of them in the same second.
 */
export class Gate {
  readonly #limit: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside++;
    try {
      return await work();
    } finally {
      // Whoever waits longest takes this one's place; the count stays.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}
