/** Work that keeps something up to date: on an interval, when somebody asks; one at a time; sooner again after a failure. */
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
      const { refreshMs, refreshRetryMs } = this.#settings;
      this.#dueAt = performance.now() + (succeeded ? refreshMs : refreshRetryMs);
      this.#running = undefined;
    });
    return this.#running;
  }
}
