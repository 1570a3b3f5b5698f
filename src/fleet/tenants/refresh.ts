/**
 * Milliseconds until a failed refresh is tried again, or the usual interval if that is shorter. Meanwhile
 * callers use the last good data.
 */
export const refreshRetryMs = 2_000;

/**
 * Repeated work that keeps data up to date. It runs when a caller asks, but at most once per interval and one run at a
 * time. After a failure it is due again sooner.
 */
export class Refresh {
  readonly #refreshMs: number;
  readonly #work: () => Promise<boolean>;
  #dueAt = 0;
  #running: Promise<void> | undefined;

  /** @param work resolves to whether it succeeded; a rejection counts as a failure */
  constructor({ refreshMs }: { readonly refreshMs: number }, work: () => Promise<boolean>) {
    this.#refreshMs = refreshMs;
    this.#work = work;
  }

  /** The run in progress, if any. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Starts the work if it is due and not in progress; otherwise returns undefined. */
  startIfDue(): Promise<void> | undefined {
    if (this.#running || performance.now() < this.#dueAt) return undefined;
    return this.start();
  }

  start(): Promise<void> {
    const failed = () => false;
    this.#running = this.#work()
      .then(undefined, failed)
      .then((succeeded) => {
        const waitMs = succeeded ? this.#refreshMs : Math.min(this.#refreshMs, refreshRetryMs);
        this.#dueAt = performance.now() + waitMs;
        this.#running = undefined;
      });
    return this.#running;
  }
}
