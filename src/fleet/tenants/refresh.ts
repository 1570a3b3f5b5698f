/** A failed refresh is tried again after this, or after the usual interval if that is shorter: the last good list serves. */
export const refreshRetryMs = 2_000;

/** Work that keeps something up to date: on an interval, when somebody asks; one at a time; sooner again after a failure. */
export class Refresh {
  readonly #refreshMs: number;
  readonly #work: () => Promise<boolean>;
  #dueAt = 0;
  #running: Promise<void> | undefined;

  /** @param work never throws; resolves to whether it succeeded */
  constructor({ refreshMs }: { readonly refreshMs: number }, work: () => Promise<boolean>) {
    this.#refreshMs = refreshMs;
    this.#work = work;
  }

  /** The work that is going on. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Starts the work if it is due and not going on; undefined if it did not. */
  startIfDue(): Promise<void> | undefined {
    if (this.#running || performance.now() < this.#dueAt) return undefined;
    return this.start();
  }

  start(): Promise<void> {
    this.#running = this.#work().then((succeeded) => {
      const waitMs = succeeded ? this.#refreshMs : Math.min(this.#refreshMs, refreshRetryMs);
      this.#dueAt = performance.now() + waitMs;
      this.#running = undefined;
    });
    return this.#running;
  }
}
