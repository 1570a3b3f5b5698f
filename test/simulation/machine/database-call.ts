/**
 * What one call of a simulated process does in a database, and when. Calls that wait for the same lock go on in the same instant,
 * and their promises may be settled in another order than their commits came in: what is compared with the models must be put
 * back into the order of the commits.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const context = new AsyncLocalStorage<DatabaseCall>();
let uses = 0;

/** Called in the instant itself, before any other call can use the database. */
export interface TransactionEvents {
  /** A write transaction of the call has the database's lock. */
  readonly onBegin?: () => void;
  /** A write transaction of the call is committed. */
  readonly onCommit?: () => void;
}

export class DatabaseCall {
  readonly #events: TransactionEvents;
  #lastUse = 0;
  #isWriting = false;

  constructor(events: TransactionEvents) {
    this.#events = events;
  }

  /** The call that the running code belongs to. */
  static get current(): DatabaseCall | undefined {
    return context.getStore();
  }

  /** Of two calls, the one that used a database later has the larger number. */
  get lastUse(): number {
    return this.#lastUse;
  }

  /** Runs `work`, and everything that it starts, as part of this call. */
  run<T>(work: () => T): T {
    return context.run(this, work);
  }

  /** A statement has ended. */
  used(sql: string): void {
    this.#lastUse = ++uses;
    if (sql === 'BEGIN IMMEDIATE') {
      this.#isWriting = true;
      this.#events.onBegin?.();
    }
    if (sql === 'COMMIT' && this.#isWriting) this.#events.onCommit?.();
    if (sql === 'COMMIT' || sql === 'ROLLBACK') this.#isWriting = false;
  }
}
