/** A handler's transaction, which can be closed while the handler still holds it (T3). */
import { setTimeout as delay } from 'node:timers/promises';
import type * as mssql from 'mssql';
import type { Connection } from '../connection-pool.ts';
import type { Driver } from '../driver.ts';

export interface ClosableTransaction extends mssql.Transaction {
  /**
   * Refuses further requests and rolls back. It cancels a running request only once the signal has fired; until then
   * the handler may still wait for it. Never throws: the server rolls back when a connection is lost.
   */
  close(signal: AbortSignal): Promise<void>;
}

/** A request, or a prepared statement, which keeps the connection until it is unprepared and cannot be cancelled. */
interface Borrower {
  cancel?(): void;
}

type Acquired = (error: Error | null, connection?: Connection, config?: unknown) => void;

/** mssql's transaction with the methods through which a request borrows its connection (driver-probe.ts). */
type LendingTransaction = Pick<mssql.Transaction, 'rollback'> & {
  acquire(borrower: Borrower, callback: Acquired): unknown;
  release(connection: Connection | undefined): unknown;
};

/** The longest that a cancelled request may take to end; the driver stops waiting for the server after 5 s. */
const cancelMs = 6_000;

/** A transaction that has not begun yet. */
export function createClosableTransaction(driver: Driver, pool: mssql.ConnectionPool): ClosableTransaction {
  const Base = driver.Transaction as unknown as new (pool: mssql.ConnectionPool) => LendingTransaction;

  class Closable extends Base {
    #isClosed = false;
    #borrower: Borrower | undefined;
    #connection: Connection | undefined;
    #onFree: () => void = () => {};

    override acquire(borrower: Borrower, callback: Acquired): unknown {
      if (this.#isClosed) {
        setImmediate(callback, refusal(driver));
        return this;
      }
      return super.acquire(borrower, (error, connection, config) => {
        if (connection) {
          this.#borrower = borrower;
          this.#connection = connection;
        }
        callback(error, connection, config);
      });
    }

    override release(connection: Connection | undefined): unknown {
      super.release(connection);
      if (connection !== undefined && connection === this.#connection) {
        this.#borrower = undefined;
        this.#onFree();
      }
      return this;
    }

    async close(signal: AbortSignal): Promise<void> {
      this.#isClosed = true;
      // Wait until a request that was just given the connection has registered.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#borrower !== undefined && !(await this.#freed(this.#borrower, signal))) {
        this.#connection!.close();
        (pool as unknown as LendingTransaction).release(this.#connection);
        return;
      }
      await this.rollback().catch(() => {});
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
  }

  return new Closable(pool) as unknown as ClosableTransaction;
}

function refusal(driver: Driver): Error {
  return new driver.TransactionError(
    'The transaction is being rolled back and takes no more requests; await all requests inside the handler.',
    'EABORT',
  );
}
