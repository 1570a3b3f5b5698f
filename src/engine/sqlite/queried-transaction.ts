/** Stores messages in the caller's own transaction of a driver other than node:sqlite, through its queries (Q3). */
import { callersTransaction } from '../callers-drivers.ts';
import { type CallersTransaction, inTurn, type SqlRow, unknownTransaction } from '../callers-transaction.ts';
import { likeNodeSqlite } from './callers-errors.ts';
import { nowSql } from './connection.ts';
import { explain } from './errors.ts';
import type { DatabaseHandle } from './handle.ts';
import { canonicalPath } from './paths.ts';
import { verifySchema } from './schema-control.ts';
import { result, runAtOnce, runAwaiting, type Script, type Steps, scriptThrough } from './script.ts';
import { assertTenantsFile, refusal } from './transaction.ts';

const savepoint = 'multi_outbox_enqueue';

/** Transactions whose database passed the check of the schema, with its file. */
const verified = new WeakMap<object, string>();

/**
 * Runs a script in the caller's open transaction. When it fails, its own writes are undone and the transaction stays
 * open. Through a synchronous driver all of it runs before this call returns, because such a caller may end the
 * transaction right afterwards, and its value, the connection, does not tell one transaction from the next.
 * @param transaction what the caller gave; calls for the same one run one after another
 * @param script gets the database's time
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export function joinThroughQueries<T>(
  handle: DatabaseHandle,
  transaction: object,
  recognised: CallersTransaction,
  script: (now: number) => Script<T>,
): T | Promise<T> {
  if (recognised.isSynchronous)
    return runAtOnce(
      joining(handle, recognised, (file) => checkedNow(handle, transaction, recognised, file), script),
    );
  const joined = whileOpen(handle, transaction, recognised);
  // This also checks the schema: the file is the same.
  const now = () => handle.look((connection) => connection.now());
  return inTurn(transaction, () => runAwaiting(joining(handle, joined, now, script)));
}

function* joining<T>(
  handle: DatabaseHandle,
  joined: CallersTransaction,
  nowOf: (file: string) => number | Promise<number>,
  script: (now: number) => Script<T>,
): Steps<T> {
  handle.assertOpen();
  try {
    const file = yield* fileOf(joined);
    assertTenantsFile(file, handle);
    if (!joined.isKnownOpen) yield* assertOpen(handle, joined);
    const now = yield* result(nowOf(file));
    return yield* undoable(joined, script(handle.file.clock?.() ?? now));
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
 * Recognises the transaction again before each statement. Code that does not await this call may have ended it meanwhile,
 * and the statement would be committed on its own. If the value is the same for the next transaction, as a QueryRunner
 * is, and that one has begun, nobody can tell.
 */
function whileOpen(
  { subject }: DatabaseHandle,
  transaction: object,
  recognised: CallersTransaction,
): CallersTransaction {
  return {
    ...recognised,
    query(sql, parameters) {
      const joined = callersTransaction(transaction, 'sqlite');
      if (joined !== undefined && !('problem' in joined)) return joined.query(sql, parameters);
      throw refusal('TRANSACTION_NOT_OPEN', subject, joined?.problem ?? unknownTransaction);
    },
  };
}

function* undoable<T>(joined: CallersTransaction, script: Script<T>): Steps<T> {
  yield joined.query(`SAVEPOINT ${savepoint}`, []);
  try {
    const stored = yield* scriptThrough(script, joined);
    yield joined.query(`RELEASE ${savepoint}`, []);
    return stored;
  } catch (error) {
    try {
      yield joined.query(`ROLLBACK TO ${savepoint}`, []);
      yield joined.query(`RELEASE ${savepoint}`, []);
    } catch {
      // SQLite has rolled back the whole transaction by itself, as it does when the disk is full.
    }
    throw error;
  }
}

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
