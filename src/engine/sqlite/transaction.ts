/** Stores messages in the caller's own transaction on a connection of node:sqlite (Q3). */
import type { DatabaseSync } from 'node:sqlite';
import { MultiOutboxError } from '../../errors.ts';
import { notBegun, type TransactionMark } from '../callers-transaction.ts';
import { isTransactionOpen } from '../native-transactions.ts';
import { Connection } from './connection.ts';
import { explain, type Subject, subjectName } from './errors.ts';
import type { DatabaseHandle } from './handle.ts';
import { lentConnection } from './lent-connection.ts';
import { canonicalPath } from './paths.ts';
import { verifySchema } from './schema-control.ts';

interface Joined {
  readonly connection: Connection;
  /** The real path of its database file. */
  readonly file: string;
}

/**
 * Callers' connections that passed the checks, with the statements prepared on them, for as long as the connections
 * exist.
 */
const joined = new WeakMap<DatabaseSync, Joined>();
const savepoint = 'multi_outbox_enqueue';

/**
 * Runs `work` on the caller's connection, within its open transaction. When `work` throws, only its own writes are
 * undone; the transaction stays open.
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export function joinTransaction<T>(
  handle: DatabaseHandle,
  transaction: DatabaseSync,
  mark: TransactionMark | undefined,
  work: (connection: Connection, now: number) => T,
): T {
  const { subject } = handle;
  handle.assertOpen();
  try {
    assertSame(mark, subject);
    const lent = lentConnection(transaction);
    if (lent === undefined && !isTransactionOpen(transaction))
      throw refusal('TRANSACTION_NOT_OPEN', subject, notBegun);
    const { connection, now } = connectionOf(transaction, lent, handle);
    connection.database.exec(`SAVEPOINT ${savepoint}`);
    try {
      const result = work(connection, handle.file.clock?.() ?? now);
      connection.database.exec(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      undo(connection);
      throw error;
    }
  } catch (error) {
    throw explain(error, subject, () => handle.file.access());
  }
}

function undo(connection: Connection): void {
  try {
    connection.database.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
  } catch {
    // SQLite has rolled back the whole transaction by itself, as it does when the disk is full.
  }
}

/** @throws TRANSACTION_NOT_OPEN when the transaction of the call has ended */
export function assertSame(mark: TransactionMark | undefined, subject: Subject): void {
  const problem = mark?.problem();
  if (problem !== undefined) throw refusal('TRANSACTION_NOT_OPEN', subject, problem);
}

function connectionOf(
  database: DatabaseSync,
  lent: Connection | undefined,
  handle: DatabaseHandle,
): { connection: Connection; now: number } {
  const key = lent?.database ?? database;
  const known = stillJoined(key);
  const connection = known?.connection ?? lent ?? new Connection(database);
  const file = known?.file ?? fileOf(connection);
  assertTenantsFile(file, handle);
  if (known === undefined) {
    verifySchema(connection, handle.schema, handle.subject);
    joined.set(key, { connection, file });
  }
  return { connection, now: known?.now ?? connection.now() };
}

/** @param file the real path of the transaction's file; null for a database in memory. @throws WRONG_DATABASE */
export function assertTenantsFile(file: string | null, { subject, file: own }: DatabaseHandle): asserts file {
  if (file !== null && (file === own.path || file === canonicalPath(own.path))) return;
  throw refusal(
    'WRONG_DATABASE',
    subject,
    `the transaction is on ${file ?? 'a database in memory'}, not on ${own.path}; begin it on the tenant's own database`,
  );
}

/** The stored facts of a connection. Closing and reopening the connection invalidates them and its statements. */
function stillJoined(database: DatabaseSync): (Joined & { now: number }) | undefined {
  const known = joined.get(database);
  if (known === undefined) return undefined;
  try {
    return { ...known, now: known.connection.now() };
  } catch {
    joined.delete(database);
    return undefined;
  }
}

function fileOf(connection: Connection): string | null {
  const row = connection.get<{ file: string }>(`SELECT file FROM pragma_database_list WHERE name = 'main'`);
  return row === undefined || row.file === '' ? null : canonicalPath(row.file);
}

export function refusal(
  code: 'INVALID_ARGUMENT' | 'TRANSACTION_NOT_OPEN' | 'WRONG_DATABASE',
  subject: Subject,
  what: string,
): MultiOutboxError {
  const details = subject.tenantId === undefined ? {} : { tenantId: subject.tenantId };
  return new MultiOutboxError(code, `${subjectName(subject)}: ${what}`, details);
}
