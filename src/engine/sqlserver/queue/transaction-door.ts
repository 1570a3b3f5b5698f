/** The way into a handler's transaction, which can be shut (T3). */
import { setTimeout as delay } from 'node:timers/promises';
import type * as mssql from 'mssql';
import type { Driver } from '../driver.ts';

interface Connection {
  close(): void;
}

type Acquired = (error: Error | null, connection?: Connection, config?: unknown) => void;

/** What lends the transaction's connection: a request asks for it by `acquire` and gives it back by `release`. */
interface Lender {
  acquire(borrower: Borrower, callback: Acquired): unknown;
  release(connection: Connection | undefined): unknown;
}

/** A request; a prepared statement, which has the connection until it is unprepared, cannot be cancelled. */
interface Borrower {
  cancel?(): void;
}

/** How long a cancelled request may take to end; the driver itself gives up waiting for the server after 5 s. */
const cancelMs = 6_000;

export class TransactionDoor {
  readonly #driver: Driver;
  readonly #pool: Pick<Lender, 'release'>;
  readonly #transaction: mssql.Transaction;
  #isShut = false;
  #borrower: Borrower | undefined;
  #connection: Connection | undefined;
  #onFree: () => void = () => {};

  /** @param transaction one of our own, not begun yet */
  constructor(driver: Driver, pool: mssql.ConnectionPool, transaction: mssql.Transaction) {
    this.#driver = driver;
    this.#pool = pool as unknown as Lender;
    this.#transaction = transaction;
    const lender = transaction as unknown as Lender;
    const acquire = lender.acquire.bind(transaction);
    const release = lender.release.bind(transaction);
    lender.acquire = (borrower, callback) => {
      if (this.#isShut) {
        setImmediate(callback, this.#refusal());
        return transaction;
      }
      return acquire(borrower, (error, connection, config) => {
        if (connection) {
          this.#borrower = borrower;
          this.#connection = connection;
        }
        callback(error, connection, config);
      });
    };
    lender.release = (connection) => {
      release(connection);
      if (connection !== undefined && connection === this.#connection) {
        this.#borrower = undefined;
        this.#onFree();
      }
      return transaction;
    };
  }

  /**
   * Lets no more requests in and rolls back. One that runs is cancelled once the signal has fired; before, the handler
   * that left it running may still want its end. Never throws: a connection that was lost has been rolled back.
   */
  async rollBack(signal: AbortSignal): Promise<void> {
    this.#isShut = true;
    // The request to which the connection has just been promised has it now.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#borrower !== undefined && !(await this.#freed(this.#borrower, signal))) {
      this.#connection!.close();
      this.#pool.release(this.#connection);
      return;
    }
    await this.#transaction.rollback().catch(() => {});
  }

  async #freed(borrower: Borrower, signal: AbortSignal): Promise<boolean> {
    if (typeof borrower.cancel !== 'function') return false;
    const free = new Promise<true>((resolve) => {
      this.#onFree = () => resolve(true);
    });
    if (!signal.aborted) {
      const fired = new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      await Promise.race([free, fired]);
      if (this.#borrower === undefined) return true;
    }
    borrower.cancel();
    const stop = new AbortController();
    const late = delay(cancelMs, false, { signal: stop.signal }).catch(() => false);
    try {
      return await Promise.race([free, late]);
    } finally {
      stop.abort();
    }
  }

  #refusal(): Error {
    return new this.#driver.TransactionError(
      'The transaction is being rolled back; it takes no more requests.',
      'EABORT',
    );
  }
}
