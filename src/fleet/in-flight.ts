/** Work that has begun and has not ended. */
export class InFlight {
  readonly #work = new Set<Promise<unknown>>();

  /** Adds work until it has ended; returns the same promise. */
  track<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = Promise.allSettled([work]).then(() => this.#work.delete(ended));
    this.#work.add(ended);
    return work;
  }

  /** Waits until no work is left, also for work that begins meanwhile. Never rejects. */
  async ended(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}
