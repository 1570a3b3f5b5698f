/**
 * The driver's pool with six additions: it logs in once where mssql logs in twice; its owner admits and counts its
 * connections; login errors have the server's number, which tedious omits; no caller gets a connection on which
 * another caller's transaction is open; a server cannot redirect a token; and its answers are bounded.
 */
import type * as mssql from 'mssql';
import { shownValue } from '../../errors.ts';
import type { Semaphore } from '../semaphore.ts';
import { AnswerGuard, type GuardedConnection } from './answer-guard.ts';
import type { Driver } from './driver.ts';
import { probeConnection, probeGuard } from './driver-probe.ts';
import { canonicalHost } from './server-name.ts';
import { TokenWithheld } from './token-errors.ts';

/** The part of a tedious connection that this engine uses. */
export interface Connection extends GuardedConnection {
  readonly closed: boolean;
  /** Whether a transaction is open, according to the server's last answer. */
  readonly inTransaction: boolean;
  /** The server that the login was redirected to. */
  readonly routingData?: { readonly server?: unknown } | undefined;
  on(event: 'errorMessage', listener: (message: { readonly number: number }) => void): void;
  /** Before the driver connects to another server. */
  on(event: 'rerouting', listener: () => void): void;
  once(event: 'connect', listener: (error?: Error & { code?: string; number?: number }) => void): void;
  once(event: 'end', listener: () => void): void;
  /** Ends the connection at once; the server rolls back an open transaction. */
  close(): void;
}

/** mssql's pool with the members that its own drivers implement (driver-probe.ts). */
type ExtensiblePool = Omit<mssql.ConnectionPool, 'connect' | 'close'> & {
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  /** Logs in. */
  _poolCreate(): Promise<Connection>;
  _poolDestroy(connection: Connection): Promise<void>;
  /** Lends a connection to a request or a transaction. */
  acquire(borrower: object, callback?: Acquired): unknown;
  release(connection: Connection): unknown;
};

type Acquired = (error: Error | null, connection?: Connection, config?: unknown) => void;

/**
 * Why a connection was closed instead of reused. `transaction-open`: a transaction was open on it. `call-timed-out`:
 * its call timed out, and may have left a transaction open without the driver's knowledge.
 */
export type DiscardReason = 'transaction-open' | 'call-timed-out';

export interface PoolOptions {
  /** Bounds the logins in progress. */
  readonly logins: Semaphore;
  /** Resolves when one more connection may be opened; the pool calls the result once, when that connection has ended. */
  readonly admit: () => Promise<() => void>;
  /** Whether a login by token may go on at this host; absent for logins by password. */
  readonly mayReceiveToken?: ((host: string) => boolean) | undefined;
  readonly onDiscard: (reason: DiscardReason) => void;
}

/** Milliseconds by which a timer may fire early. */
const timerSlackMs = 50;

export function createPool(
  driver: Driver,
  config: mssql.config,
  { logins, admit, mayReceiveToken, onDiscard }: PoolOptions,
): mssql.ConnectionPool {
  const { requestTimeout = 0 } = config;
  const guards = new WeakMap<Connection, AnswerGuard>();
  const Base = driver.ConnectionPool as unknown as new (config: mssql.config) => ExtensiblePool;

  class Pool extends Base {
    #isProbing = false;
    /** The connection with which `connect` tested the configuration; the first caller gets it. */
    #kept: Connection | undefined;
    /**
     * When a request got its connection. Transactions are left out, because they may keep a connection for longer than
     * a call's timeout.
     */
    readonly #lentAt = new WeakMap<Connection, number>();

    override async connect(): Promise<this> {
      this.#isProbing = true;
      try {
        await super.connect();
      } finally {
        this.#isProbing = false;
      }
      return this;
    }

    override async close(): Promise<void> {
      await super.close();
      const kept = this.#takeKept();
      if (kept !== undefined) await super._poolDestroy(kept);
    }

    override async _poolCreate(): Promise<Connection> {
      const kept = this.#takeKept();
      if (kept !== undefined) return kept;
      const ended = await admit();
      let connection: Connection;
      try {
        connection = await logins.use(() => super._poolCreate());
      } catch (error) {
        ended();
        throw error;
      }
      if (connection.closed) ended();
      else connection.once('end', ended);
      try {
        probeGuard(guards.get(connection));
      } catch (error) {
        connection.close();
        throw error;
      }
      return connection;
    }

    override async _poolDestroy(connection: Connection): Promise<void> {
      if (!this.#isProbing) return super._poolDestroy(connection);
      this.#kept = connection;
      connection.once('end', () => {
        if (this.#kept === connection) this.#kept = undefined;
      });
    }

    override acquire(borrower: object, callback?: Acquired): unknown {
      if (callback === undefined) return super.acquire(borrower);
      return super.acquire(borrower, (error, connection, settings) => {
        if (connection && borrower instanceof driver.Request) {
          this.#lentAt.set(connection, performance.now());
          guards.get(connection)?.start(requestTimeout);
        }
        callback(error, connection, settings);
      });
    }

    override release(connection: Connection): unknown {
      guards.get(connection)?.stop();
      const reason = connection.closed ? null : this.#discardReason(connection);
      if (reason !== null) {
        // Closing makes the server roll back. Otherwise the connection would hold locks until it is used
        // again or its idle time ends.
        connection.close();
        onDiscard(reason);
      }
      return super.release(connection);
    }

    #discardReason(connection: Connection): DiscardReason | null {
      if (connection.inTransaction) return 'transaction-open';
      // The driver does not report that a call timed out, so the call's duration decides. Calls of the pool
      // are never cancelled.
      const lentAt = this.#lentAt.get(connection);
      this.#lentAt.delete(connection);
      const timedOut =
        lentAt !== undefined &&
        requestTimeout > 0 &&
        performance.now() - lentAt >= requestTimeout - timerSlackMs;
      return timedOut ? 'call-timed-out' : null;
    }

    #takeKept(): Connection | undefined {
      const kept = this.#kept;
      this.#kept = undefined;
      return kept;
    }
  }

  const beforeConnect = (connection: Connection) => {
    try {
      probeConnection(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    guards.set(connection, new AnswerGuard(connection));
    numberLoginErrors(connection);
    if (mayReceiveToken) guardRedirects(connection, mayReceiveToken);
  };
  const pool = new Pool({ ...config, beforeConnect } as unknown as mssql.config);
  // The next call reports the failure of an idle connection; without a listener the failure would end the process.
  pool.on('error', () => {});
  return pool as unknown as mssql.ConnectionPool;
}

/**
 * Adds to the error of a refused login the first number that the server sent on this connection. The first number tells
 * the cause, such as 4060 (no such database). Often 18456 (login failed) follows, which tells nothing more.
 */
function numberLoginErrors(connection: Connection): void {
  let number: number | undefined;
  connection.on('errorMessage', (message) => {
    number ??= message.number;
  });
  connection.once('connect', (error) => {
    if (error?.code === 'ELOGIN' && number !== undefined) error.number = number;
  });
}

/**
 * Azure SQL redirects logins to the node that has the database. Any other server could redirect one to a server that may
 * not receive tokens. The login fails when this listener throws.
 */
function guardRedirects(connection: Connection, mayReceiveToken: (host: string) => boolean): void {
  connection.on('rerouting', () => {
    const server = connection.routingData?.server;
    const host = typeof server === 'string' ? canonicalHost(server) : null;
    if (host !== null && mayReceiveToken(host)) return;
    throw new TokenWithheld(
      `the server redirects to ${shownValue(server)}, which MULTI_OUTBOX_SQL_ALLOWED_SERVERS does not allow, so no token was sent there; add it there if it may receive tokens`,
    );
  });
}
