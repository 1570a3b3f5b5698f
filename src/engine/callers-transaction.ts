/** A caller's open transaction, whichever driver it belongs to: engines run their statements through `query` (Q3). */
export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** The general form of a caller's transaction, for drivers that `enqueue` does not know. */
export interface SqlTransaction {
  /**
   * Runs one statement in the open transaction, and returns its rows as objects; an empty array when it has none.
   * `parameters` are in the order of the placeholders.
   */
  query(sql: string, parameters: SqlValue[]): readonly SqlRow[] | PromiseLike<readonly SqlRow[]>;
  /** Writes the nth parameter, counted from 1, in the statement. Default: `?` in SQLite, `@p1` on SQL Server. */
  placeholder?(nth: number): string;
  /**
   * What identifies the open transaction: another value for each, compared with `===`; undefined or null when none is open.
   * It is asked at the call and before each statement, so that a call that is not awaited cannot store messages in the next
   * transaction of the same connection. An object that belongs to one transaction, and fails after it, needs none.
   */
  id?(): unknown;
}

export type Dialect = 'sqlite' | 'sqlserver';

export interface CallersTransaction extends Omit<SqlTransaction, 'id'> {
  placeholder(nth: number): string;
  /** Whether its driver says that the transaction is open. False: nobody knows, so the engine must find out. */
  readonly isKnownOpen: boolean;
  /** Whether `query` returns the rows themselves and no promise, so that nothing else can run between two statements. */
  readonly isSynchronous: boolean;
  /** Differs for each transaction of the same value. Absent if the value belongs to one transaction, or does not tell. */
  readonly identity?: () => unknown;
}

/** A value that is known and cannot be joined: what it is, and what to give instead. */
export interface NotJoinable {
  readonly problem: string;
}

/** A caller's transaction at the moment of a call (transaction-mark.ts). */
export interface TransactionMark {
  /**
   * Why the call must store nothing: its transaction is not open any more. Undefined: it is, as far as its value tells.
   * Ask right before a statement.
   */
  problem(): string | undefined;
  /** Removes the mark, whatever has become of its transaction. Never throws. */
  end(): void;
}

/** Of a connection of SQLite. */
export const notBegun =
  "the connection in 'transaction' has no open transaction; run 'BEGIN IMMEDIATE' on it first, or leave the option out";

export const endedMeanwhile =
  'the transaction (or its savepoint) in which the call was made ended before the messages were stored; await the call before you end it';

/** What to give, for the refusal of a value that is no transaction. */
export const unknownTransaction =
  "'transaction' must be the open transaction of your driver or library, or an object { query(sql, parameters) } that runs a statement in it; docs/transactions.md has a recipe for each";

/** The calls of each transaction that have not ended; the next one waits for them. */
const busy = new WeakMap<object, Promise<unknown>>();

/** Runs the calls for one transaction one after another: each is several statements, and they share its savepoint. */
export function inTurn<T>(transaction: object, work: () => Promise<T>): Promise<T> {
  const before = busy.get(transaction) ?? Promise.resolve();
  const result = before.then(work);
  busy.set(
    transaction,
    result.catch(() => {}),
  );
  return result;
}
