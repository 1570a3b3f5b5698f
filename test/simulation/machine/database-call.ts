/**
 * What one call of a simulated process does in a database, and when. Calls that wait for the same lock go on in the same instant,
 * and their promises may be settled in another order than their commits came in: what is compared with the models must be put
 * back into the order of the commits.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const context = new AsyncLocalStorage<DatabaseCall>();
let uses = 0;

export class DatabaseCall {
  readonly #onCommit: (() => void) | undefined;
  #lastUse = 0;

  /** @param onCommit called as soon as a transaction of the call is committed, before any other call can use the database */
  constructor(onCommit: (() => void) | undefined) {
    this.#onCommit = onCommit;
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
    if (sql === 'COMMIT') this.#onCommit?.();
  }
}
