/**
 * A simulated process: everything that runs for one host, app or producer. All of them share this one Node process, so an
 * asynchronous context says which of them the running code belongs to.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const context = new AsyncLocalStorage<SimulatedProcess | undefined>();

/** A resource of a process that ends with it, such as a connection to a database. */
export interface Owned {
  /** The process has died: the operating system takes the resource back. */
  abandon(): void;
}

export class SimulatedProcess {
  readonly name: string;
  /** What the operating system would take back when the process ends. */
  readonly owned = new Set<Owned>();
  /** The process's timers that have not fired, with the place that set each: none may be left when it has closed. */
  readonly timers = new Map<object, string>();
  /** How many faults have struck this process. */
  troubles = 0;
  /** While it is greater than 0, the process has no file descriptors left. */
  shortages = 0;
  /** Its multi-outbox has closed: it calls no database any more. */
  hasClosed = false;
  /** The work queue whose message killed it. */
  killedBy: object | undefined;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  /** What would have happened while the process was frozen, in order. */
  #held: (() => void)[] = [];
  /** Events that waited for the thaw and have not reached the process yet. */
  #overdue = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** The process that the running code belongs to; undefined for the simulator's own. */
  static get current(): SimulatedProcess | undefined {
    return context.getStore();
  }

  /** Runs the simulator's own code, whichever process called it. */
  static outside<T>(work: () => T): T {
    return context.getStore() === undefined ? work() : context.run(undefined, work);
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Whether it runs and knows everything that happened while it was frozen. */
  get isUpToDate(): boolean {
    return this.isRunning && this.#overdue === 0;
  }

  /** Whether the running code cannot open a file. It counts as a fault each time. */
  static get lacksDescriptors(): boolean {
    const { current } = SimulatedProcess;
    if (current === undefined || current.shortages === 0) return false;
    current.troubles++;
    return true;
  }

  /** Runs `work`, and everything that it starts, as part of this process. */
  run<T>(work: () => T): T {
    return context.getStore() === this ? work() : context.run(this, work);
  }

  /** An event reaches the process: at once, after it has thawed, or never. */
  deliver(event: () => void): void {
    if (this.#state === 'running') event();
    else if (this.#state === 'frozen') this.#held.push(event);
  }

  /** Resolves as soon as the process runs. In a dead process the promise stays pending for ever. */
  reached(): Promise<void> {
    return new Promise((resolve) => this.deliver(resolve));
  }

  /** Resolves when something from outside reaches the process after so many milliseconds. It is no timer of its own. */
  hears(afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      SimulatedProcess.outside(() => setTimeout(() => this.deliver(resolve), afterMs));
    });
  }

  freeze(): void {
    this.troubles++;
    if (this.#state === 'running') this.#state = 'frozen';
  }

  /** What had to wait happens now, one event after another. */
  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    // Each in a turn of its own, as the event loop would do it. The process may freeze again meanwhile.
    this.#overdue += held.length;
    const reach = (event: () => void) => {
      this.#overdue--;
      this.deliver(event);
    };
    SimulatedProcess.outside(() => {
      for (const event of held) setImmediate(() => reach(event));
    });
  }

  /** From now on nothing that belongs to the process happens. Its open transactions are rolled back. */
  kill(by?: object): void {
    if (this.#state === 'dead') return;
    this.killedBy = by;
    this.troubles++;
    this.#state = 'dead';
    this.#held = [];
    for (const resource of [...this.owned]) resource.abandon();
    this.owned.clear();
    this.timers.clear();
  }
}
