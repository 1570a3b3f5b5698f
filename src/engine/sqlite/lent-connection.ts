/**
 * A connection that handlers' transactions use one after another, because opening one takes longer than a small
 * transaction. Each handler gets a view of it that ends with its transaction, so that a late statement of one handler
 * cannot get into the transaction of the next (T1).
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { MultiOutboxError } from '../../errors.ts';
import type { Connection } from './connection.ts';

/**
 * One statement that changes rows and nothing else. Others, such as PRAGMA and ATTACH, may change the connection. The
 * end is written so that the time for a long text grows only with its length.
 */
const changesRowsOnly =
  /^\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|SAVEPOINT|RELEASE|ROLLBACK\s+TO)\b[^;]*(;\s*)?$/i;

const lentByView = new WeakMap<DatabaseSync, LentConnection>();

/**
 * The connection that a handler's view shows, for this engine's own statements; undefined for any other object.
 * @throws TRANSACTION_NOT_OPEN once the handler's transaction has ended
 */
export function lentConnection(database: DatabaseSync): Connection | undefined {
  return lentByView.get(database)?.connection;
}

export class LentConnection {
  /**
   * The handler's view. Node's own functions that take a database, such as `backup`, do not take it: Node looks for its
   * own object in it without a check.
   */
  readonly database: DatabaseSync;
  readonly #connection: Connection;
  readonly #native: DatabaseSync;
  readonly #tenantId: string | undefined;
  #isReusable = true;
  #hasEnded = false;

  constructor(connection: Connection, tenantId: string | undefined) {
    this.#connection = connection;
    this.#native = connection.database;
    this.#tenantId = tenantId;
    this.database = viewOf(this.#native, (name) => this.#ofDatabase(name));
    lentByView.set(this.database, this);
  }

  /** Whether the handler has left the connection as it was, so that it can be lent again. */
  get isReusable(): boolean {
    return this.#isReusable;
  }

  /** @throws TRANSACTION_NOT_OPEN */
  get connection(): Connection {
    this.#assertOpen();
    return this.#connection;
  }

  /** From now on the view and the statements that were prepared on it refuse every call. */
  end(): void {
    this.#hasEnded = true;
  }

  #ofDatabase(name: string | symbol): unknown {
    // The connection may have the transaction of another handler by now.
    if (this.#hasEnded && (name === 'isOpen' || name === 'isTransaction')) return false;
    if (name === 'prepare') return this.#prepare;
    return this.#guarded(this.#native, name, ([sql]) => {
      const leavesNothing = name === 'exec' && changesRowsOnly.test(String(sql));
      if (!leavesNothing && name !== 'location') this.#isReusable = false;
    });
  }

  readonly #prepare = (...given: Parameters<DatabaseSync['prepare']>): StatementSync => {
    this.#assertOpen();
    if (given.length > 1 || !changesRowsOnly.test(given[0])) this.#isReusable = false;
    const native = this.#native.prepare(...given);
    return viewOf(native, (name) =>
      this.#guarded(native, name, () => {
        // An iteration that is not at its end would keep the state of the database at its beginning.
        if (name === 'iterate') this.#isReusable = false;
      }),
    );
  };

  /** A member of a native object. `onUse` gets the arguments of a method's call. */
  #guarded(native: object, name: string | symbol, onUse: (given: readonly unknown[]) => void): unknown {
    const value: unknown = Reflect.get(native, name, native);
    if (name === 'constructor') return value;
    if (typeof value === 'function') {
      return (...given: unknown[]) => {
        this.#assertOpen();
        onUse(given);
        return value.apply(native, given);
      };
    }
    // Such as the connection's limits, which can be set.
    if (typeof value === 'object' && value !== null) {
      this.#assertOpen();
      onUse([]);
    }
    return value;
  }

  #assertOpen(): void {
    if (this.#hasEnded)
      throw this.#refusal(
        "the handler's transaction has ended, so its connection takes no more statements; await all of them in the function that context.transaction gets",
      );
    if (this.#native.isOpen && !this.#native.isTransaction)
      throw this.#refusal(
        "the handler's transaction was ended by a COMMIT or ROLLBACK, or by SQLite after an error, so this statement would be committed on its own; let that error leave the handler, and leave COMMIT and ROLLBACK to context.transaction",
      );
  }

  #refusal(what: string): MultiOutboxError {
    return new MultiOutboxError(
      'TRANSACTION_NOT_OPEN',
      `tenant '${this.#tenantId}': ${what}`,
      this.#tenantId === undefined ? {} : { tenantId: this.#tenantId },
    );
  }
}

/**
 * An object of the class of `native`, which has its members from `member`. What a handler sets on it stays on it: on the
 * native object the next handler would see it, and its code could get at that object by `this`.
 */
function viewOf<T extends object>(native: T, member: (name: string | symbol) => unknown): T {
  return new Proxy<T>(Object.create(Object.getPrototypeOf(native)), {
    get: (own, name, view) => (Object.hasOwn(own, name) ? Reflect.get(own, name, view) : member(name)),
    has: (own, name) => name in own || name in native,
  });
}
