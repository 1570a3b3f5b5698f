/**
 * A connection that handlers' transactions use one after another, because opening one takes longer than a small
 * transaction. Each handler gets a view of it that ends with its transaction, so that a late statement of one handler
 * cannot get into the transaction of the next (T1).
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { MultiOutboxError } from '../../errors.ts';
import type { Connection } from './connection.ts';

/** One statement that changes rows and nothing else. Others, such as PRAGMA and ATTACH, may change the connection. */
const changesRowsOnly =
  /^\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|SAVEPOINT|RELEASE|ROLLBACK\s+TO)\b[^;]*;?\s*$/i;

const connections = new WeakMap<DatabaseSync, Connection>();

/** The connection that a handler's view shows, for this engine's own statements; undefined for any other object. */
export function lentConnection(database: DatabaseSync): Connection | undefined {
  return connections.get(database);
}

export class LentConnection {
  /** The handler's view. */
  readonly database: DatabaseSync;
  readonly #tenantId: string | undefined;
  #isReusable = true;
  #hasEnded = false;

  constructor(connection: Connection, tenantId: string | undefined) {
    this.#tenantId = tenantId;
    this.database = new Proxy(connection.database, {
      get: (database, name) => this.#member(database, name),
      set: (database, name, value) => {
        this.#isReusable = false;
        return Reflect.set(database, name, value);
      },
    });
    connections.set(this.database, connection);
  }

  /** Whether the handler has left the connection as it was, so that it can be lent again. */
  get isReusable(): boolean {
    return this.#isReusable;
  }

  /** From now on the view and the statements that were prepared on it refuse every call. */
  end(): void {
    this.#hasEnded = true;
    connections.delete(this.database);
  }

  #member(database: DatabaseSync, name: string | symbol): unknown {
    // The connection may have the transaction of another handler by now.
    if (this.#hasEnded && (name === 'isOpen' || name === 'isTransaction')) return false;
    if (name === 'prepare') return this.#prepare(database);
    return this.#calling(database, name, ([sql]) => {
      const leavesNothing = name === 'exec' && changesRowsOnly.test(String(sql));
      if (!leavesNothing && name !== 'location') this.#isReusable = false;
    });
  }

  #prepare(database: DatabaseSync) {
    return (...given: Parameters<DatabaseSync['prepare']>): StatementSync => {
      this.#assertOpen();
      if (given.length > 1 || !changesRowsOnly.test(given[0])) this.#isReusable = false;
      return new Proxy(database.prepare(...given), {
        get: (statement, name) =>
          this.#calling(statement, name, () => {
            // An iteration that is not at its end would keep the state of the database at its beginning.
            if (name === 'iterate') this.#isReusable = false;
          }),
      });
    };
  }

  /** A property of `target`; a method calls `target`, which has the native object. */
  #calling(target: object, name: string | symbol, onCall: (given: readonly unknown[]) => void): unknown {
    const value: unknown = Reflect.get(target, name, target);
    if (typeof value !== 'function' || name === 'constructor') return value;
    return (...given: unknown[]) => {
      this.#assertOpen();
      onCall(given);
      return value.apply(target, given);
    };
  }

  #assertOpen(): void {
    if (!this.#hasEnded) return;
    throw new MultiOutboxError(
      'TRANSACTION_NOT_OPEN',
      `tenant '${this.#tenantId}': the handler's transaction has ended, so its connection takes no more statements; await all of them in the function that context.transaction gets`,
      this.#tenantId === undefined ? {} : { tenantId: this.#tenantId },
    );
  }
}
