/** Stores messages in the caller's own transaction of a driver other than node:sqlite, through its queries (Q3). */
import { callersTransaction } from '../callers-drivers.ts';
import { type CallersTransaction, inTurn, type SqlRow, unknownTransaction } from '../callers-transaction.ts';
import { likeNodeSqlite } from './callers-errors.ts';
import { explain } from './errors.ts';
import type { DatabaseHandle } from './handle.ts';
import { canonicalPath } from './paths.ts';
import { runScriptThrough, type Script } from './script.ts';
import { assertTenantsFile, refusal } from './transaction.ts';

const savepoint = 'multi_outbox_enqueue';

/**
 * Runs a script in the caller's open transaction. When it fails, its own writes are undone and the transaction stays
 * open.
 * @param transaction what the caller gave; calls for the same one run one after another
 * @param script gets the database's time
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export function joinThroughQueries<T>(
  handle: DatabaseHandle,
  transaction: object,
  recognised: CallersTransaction,
  script: (now: number) => Script<T>,
): Promise<T> {
  const joined = whileOpen(handle, transaction, recognised);
  return inTurn(transaction, async () => {
    handle.assertOpen();
    try {
      assertTenantsFile(await fileOf(joined), handle);
      if (!joined.isKnownOpen) await assertOpen(handle, joined);
      // This also checks the schema: the file is the same.
      const now = await handle.look((connection) => connection.now());
      return await undoable(joined, script(handle.file.clock?.() ?? now));
    } catch (error) {
      throw explain(likeNodeSqlite(error), handle.subject, () => handle.file.access());
    }
  });
}

/**
 * Recognises the transaction again before each statement. Code that does not await this call, such as a synchronous transaction,
 * may have ended it meanwhile, and the statement would be committed on its own.
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

async function undoable<T>(joined: CallersTransaction, script: Script<T>): Promise<T> {
  await joined.query(`SAVEPOINT ${savepoint}`, []);
  try {
    const result = await runScriptThrough(script, joined);
    await joined.query(`RELEASE ${savepoint}`, []);
    return result;
  } catch (error) {
    try {
      await joined.query(`ROLLBACK TO ${savepoint}`, []);
      await joined.query(`RELEASE ${savepoint}`, []);
    } catch {
      // SQLite has rolled back the whole transaction by itself, as it does when the disk is full.
    }
    throw error;
  }
}

async function fileOf({ query }: CallersTransaction): Promise<string | null> {
  const [row] = await query(`SELECT file FROM pragma_database_list WHERE name = 'main'`, []);
  const file = textOf(row, 'file');
  return file === '' ? null : canonicalPath(file);
}

/** SQLite ignores a change of this setting while a transaction is open, and has no better way to ask in SQL. */
async function assertOpen(handle: DatabaseHandle, { query }: CallersTransaction): Promise<void> {
  const isEnforced = async () =>
    Number(textOf((await query('SELECT foreign_keys FROM pragma_foreign_keys', []))[0], 'foreign_keys')) ===
    1;
  const set = (isOn: boolean) => query(`PRAGMA foreign_keys = ${isOn ? 'ON' : 'OFF'}`, []);
  const before = await isEnforced();
  await set(!before);
  if ((await isEnforced()) === before) return;
  await set(before);
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
