/**
 * Repeated work that keeps data up to date: it runs at most once per interval, when a caller asks; one run at a time;
 * after a failure it is due again sooner.
 */
export class Refresh {
  readonly #settings: { readonly refreshMs: number; readonly refreshRetryMs: number };
  readonly #work: () => Promise<boolean>;
  #dueAt = 0;
  #running: Promise<void> | undefined;

  /** @param work never throws; resolves to whether it succeeded */
  constructor(
    settings: { readonly refreshMs: number; readonly refreshRetryMs: number },
    work: () => Promise<boolean>,
  ) {
    this.#settings = settings;
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
    this.#running = this.#work().then((succeeded) => {
      const { refreshMs, refreshRetryMs } = this.#settings;
      this.#dueAt = performance.now() + (succeeded ? refreshMs : refreshRetryMs);
      this.#running = undefined;
    });
    return this.#running;
  }
}
