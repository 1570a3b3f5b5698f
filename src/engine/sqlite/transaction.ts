/** The caller's own transaction, which an enqueue becomes part of (Q3). */
import { DatabaseSync } from 'node:sqlite';
import { MultiOutboxError } from '../../errors.ts';
import { Connection } from './connection.ts';
import { explain, type Subject, subjectName } from './errors.ts';
import type { DatabaseHandle } from './handle.ts';
import { canonicalPath } from './paths.ts';
import { verifySchema } from './schema-control.ts';

interface Joined {
  readonly connection: Connection;
  /** Its real path. */
  readonly file: string;
}

/** Callers' connections that were found fit, and the statements prepared on them, for as long as these live. */
const joined = new WeakMap<DatabaseSync, Joined>();
const savepoint = 'multi_outbox_enqueue';

/**
 * Runs `work` on the caller's connection, within the transaction open there: all of it or nothing, and the
 * transaction stays open.
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export function joinTransaction<T>(
  handle: DatabaseHandle,
  transaction: unknown,
  work: (connection: Connection, now: number) => T,
): T {
  const { subject } = handle;
  handle.assertOpen();
  if (!(transaction instanceof DatabaseSync)) {
    throw refusal('INVALID_ARGUMENT', subject, `'transaction' must be a DatabaseSync of node:sqlite`);
  }
  try {
    assertTransaction(transaction, subject);
    const { connection, now } = connectionOf(transaction, handle);
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
    // SQLite has rolled the whole transaction back by itself, as it does when the disk is full.
  }
}

function assertTransaction(database: DatabaseSync, subject: Subject): void {
  if (!isTransactionOpen(database)) {
    throw refusal(
      'TRANSACTION_NOT_OPEN',
      subject,
      `the connection handed in has no open transaction; run 'BEGIN IMMEDIATE' on it first, or leave it out`,
    );
  }
}

export function isTransactionOpen(database: DatabaseSync): boolean {
  try {
    return database.isTransaction;
  } catch {
    return false; // closed
  }
}

function connectionOf(
  database: DatabaseSync,
  handle: DatabaseHandle,
): { connection: Connection; now: number } {
  const known = stillJoined(database);
  const connection = known?.connection ?? new Connection(database);
  const file = known?.file ?? fileOf(connection);
  if (file === null || (file !== handle.file.path && file !== canonicalPath(handle.file.path))) {
    throw refusal(
      'WRONG_DATABASE',
      handle.subject,
      `the transaction is on ${file ?? 'a database in memory'}, not on ${handle.file.path}; begin it on the tenant's own database`,
    );
  }
  if (known === undefined) {
    verifySchema(connection, handle.schema, handle.subject);
    joined.set(database, { connection, file });
  }
  return { connection, now: known?.now ?? connection.now() };
}

/** What is known of a connection, unless it was closed and opened anew since, which ends the statements kept. */
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

function refusal(
  code: 'INVALID_ARGUMENT' | 'TRANSACTION_NOT_OPEN' | 'WRONG_DATABASE',
  subject: Subject,
  what: string,
): MultiOutboxError {
  const details = subject.tenantId === undefined ? {} : { tenantId: subject.tenantId };
  return new MultiOutboxError(code, `${subjectName(subject)}: ${what}`, details);
}
