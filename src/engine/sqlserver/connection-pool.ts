/**
 * The driver's pool, with what it leaves open: it logs in once where mssql logs in twice, its logins pass the gate, and
 * the errors of a login bear the server's number, which tedious leaves out.
 */
import type * as mssql from 'mssql';
import type { Gate } from '../gate.ts';
import type { Driver } from './driver.ts';
import { probeConnection } from './driver-probe.ts';

/** What is used of a tedious connection. */
export interface Connection {
  on(event: 'errorMessage', listener: (message: { readonly number: number }) => void): void;
  once(event: 'connect', listener: (error?: Error & { code?: string; number?: number }) => void): void;
  once(event: 'end', listener: () => void): void;
  /** Ends it at once; the server rolls back what is open. */
  close(): void;
}

/** mssql's pool with the members that its own drivers implement (driver-probe.ts). */
type ExtensiblePool = Omit<mssql.ConnectionPool, 'connect' | 'close'> & {
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  /** Logs in. */
  _poolCreate(): Promise<Connection>;
  _poolDestroy(connection: Connection): Promise<void>;
};

export function createPool(driver: Driver, config: mssql.config, gate: Gate): mssql.ConnectionPool {
  const Base = driver.ConnectionPool as unknown as new (config: mssql.config) => ExtensiblePool;

  class Pool extends Base {
    #isProbing = false;
    /** The connection with which `connect` has tried the configuration out; the first caller gets it. */
    #kept: Connection | undefined;

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
      const connection = await gate.through(() => super._poolCreate());
      probeConnection(connection);
      return connection;
    }

    override async _poolDestroy(connection: Connection): Promise<void> {
      if (!this.#isProbing) return super._poolDestroy(connection);
      this.#kept = connection;
      connection.once('end', () => {
        if (this.#kept === connection) this.#kept = undefined;
      });
    }

    #takeKept(): Connection | undefined {
      const kept = this.#kept;
      this.#kept = undefined;
      return kept;
    }
  }

  const pool = new Pool({ ...config, beforeConnect: numberLoginErrors } as mssql.config);
  // What breaks an idle connection is told to the next call; without a listener it would end the process.
  pool.on('error', () => {});
  return pool as unknown as mssql.ConnectionPool;
}

/** Gives the error of a refused login the number that the server has sent with it on this very connection. */
function numberLoginErrors(connection: Connection): void {
  let number: number | undefined;
  connection.on('errorMessage', (message) => {
    number = message.number;
  });
  connection.once('connect', (error) => {
    if (error?.code === 'ELOGIN' && number !== undefined) error.number = number;
  });
}
