/** Stores messages in the caller's own transaction of a driver other than node:sqlite, through its queries (Q3). */
import { setImmediate as immediate } from 'node:timers/promises';
import { isMultiOutboxError } from '../../errors.ts';
import { callersTransaction } from '../callers-drivers.ts';
import {
  type CallersTransaction,
  inTurn,
  type SqlRow,
  type TransactionMark,
  unknownTransaction,
} from '../callers-transaction.ts';
import { likeNodeSqlite } from './callers-errors.ts';
import { nowSql } from './connection.ts';
import { explain } from './errors.ts';
import type { DatabaseHandle } from './handle.ts';
import { canonicalPath } from './paths.ts';
import { verifySchema } from './schema-control.ts';
import { result, runAtOnce, runAwaiting, type Script, type Steps, scriptThrough } from './script.ts';
import { assertSame, assertTenantsFile, refusal } from './transaction.ts';

let savepoints = 0;

/** Transactions whose database passed the check of the schema, with its file. */
const verified = new WeakMap<object, string>();

export interface Given {
  /** What the caller gave. Calls for the same one run one after another. */
  readonly transaction: object;
  readonly mark: TransactionMark | undefined;
}

/**
 * Runs a script in the caller's open transaction. When it fails, its own writes are undone and the transaction stays
 * open. Through a synchronous driver all of it runs before this call returns, because such a caller may end the
 * transaction right afterwards, and its value, the connection, does not tell one transaction from the next.
 * @param script gets the database's time
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export function joinThroughQueries<T>(
  handle: DatabaseHandle,
  given: Given,
  recognised: CallersTransaction,
  script: (now: number) => Script<T>,
): T | Promise<T> {
  const { transaction, mark } = given;
  if (recognised.isSynchronous) {
    assertSame(mark, handle.subject);
    return runAtOnce(
      joining(
        handle,
        recognised,
        recognised,
        (file) => checkedNow(handle, transaction, recognised, file),
        script,
      ),
    );
  }
  const joined = whileOpen(handle, given, recognised);
  // This also checks the schema: the file is the same.
  const now = () => handle.look((connection) => connection.now());
  return inTurn(transaction, async () => {
    // Most libraries run a statement of SQLite at once and only wrap its result into promises. From the begin of a turn of the
    // event loop all statements run before any code of the caller, so no end of the transaction comes between them, and
    // none between a COMMIT and the library's note of it.
    await immediate();
    return runAwaiting(joining(handle, joined, recognised, now, script));
  });
}

function* joining<T>(
  handle: DatabaseHandle,
  joined: CallersTransaction,
  ended: CallersTransaction,
  nowOf: (file: string) => number | Promise<number>,
  script: (now: number) => Script<T>,
): Steps<T> {
  handle.assertOpen();
  try {
    const file = yield* fileOf(joined);
    assertTenantsFile(file, handle);
    if (!joined.isKnownOpen) yield* assertOpen(handle, joined);
    const now = yield* result(nowOf(file));
    return yield* undoable(handle, joined, ended, script(handle.file.clock?.() ?? now));
  } catch (error) {
    throw explain(likeNodeSqlite(error), handle.subject, () => handle.file.access());
  }
}

/** The database's time, read in the transaction itself. It checks the schema the first time. */
function checkedNow(
  { schema, subject }: DatabaseHandle,
  transaction: object,
  { query }: CallersTransaction,
  file: string,
): number {
  // The connection may be set to return integers as BigInt.
  const all = <Row>(sql: string) =>
    (query(sql, []) as readonly SqlRow[]).map(
      (row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'bigint' ? Number(value) : value,
          ]),
        ) as Row,
    );
  if (verified.get(transaction) !== file) {
    verifySchema({ all }, schema, subject);
    verified.set(transaction, file);
  }
  return all<{ Now: number }>(`SELECT ${nowSql} AS Now`)[0]!.Now;
}

/**
 * Recognises the transaction again before each statement. Code that does not await this call may have ended it meanwhile:
 * the statement would be committed on its own, or with the next transaction of the same value.
 */
function whileOpen(
  { subject }: DatabaseHandle,
  { transaction, mark }: Given,
  recognised: CallersTransaction,
): CallersTransaction {
  return {
    ...recognised,
    query(sql, parameters) {
      assertSame(mark, subject);
      const joined = callersTransaction(transaction, 'sqlite');
      if (joined !== undefined && !('problem' in joined)) return joined.query(sql, parameters);
      throw refusal('TRANSACTION_NOT_OPEN', subject, joined?.problem ?? unknownTransaction);
    },
  };
}

/** @param ended runs statements also when the transaction has ended: a savepoint that was set just after the end is open then */
function* undoable<T>(
  { subject }: DatabaseHandle,
  joined: CallersTransaction,
  ended: CallersTransaction,
  script: Script<T>,
): Steps<T> {
  const savepoint = `multi_outbox_enqueue_${++savepoints}`;
  yield joined.query(`SAVEPOINT ${savepoint}`, []);
  let isReleasing = false;
  try {
    const stored = yield* scriptThrough(script, joined);
    isReleasing = true;
    // A savepoint ends with its transaction, so this fails if the transaction has ended meanwhile.
    yield joined.query(`RELEASE ${savepoint}`, []);
    return stored;
  } catch (error) {
    try {
      yield ended.query(`ROLLBACK TO ${savepoint}`, []);
      yield ended.query(`RELEASE ${savepoint}`, []);
    } catch {
      // The transaction has ended. SQLite also rolls it back by itself, as it does when the disk is full.
    }
    if (!isReleasing && !isMultiOutboxError(error, 'TRANSACTION_NOT_OPEN')) throw error;
    throw refusal('TRANSACTION_NOT_OPEN', subject, endedWhileStoring);
  }
}

const endedWhileStoring =
  'the transaction ended while the messages were being stored, so some of them may be committed; await the call before you end it';

function* fileOf({ query }: CallersTransaction): Steps<string | null> {
  const [row] = yield* result(query(`SELECT file FROM pragma_database_list WHERE name = 'main'`, []));
  const file = textOf(row, 'file');
  return file === '' ? null : canonicalPath(file);
}

/** SQLite ignores a change of this setting while a transaction is open, and has no better way to ask in SQL. */
function* assertOpen(handle: DatabaseHandle, { query }: CallersTransaction): Steps<void> {
  const isEnforced = function* () {
    const [row] = yield* result(query('SELECT foreign_keys FROM pragma_foreign_keys', []));
    return Number(textOf(row, 'foreign_keys')) === 1;
  };
  const set = (isOn: boolean) => query(`PRAGMA foreign_keys = ${isOn ? 'ON' : 'OFF'}`, []);
  const before = yield* isEnforced();
  yield set(!before);
  if ((yield* isEnforced()) === before) return;
  yield set(before);
  throw refusal(
    'TRANSACTION_NOT_OPEN',
    handle.subject,
    `the connection behind 'transaction' has no open transaction; begin one first, or leave the option out`,
  );
}

function textOf(row: SqlRow | undefined, column: string): string {
  const value = row?.[column];
  return value === undefined || value === null ? '' : String(value);
}
