/** Enqueues in the caller's own transaction, an mssql.Transaction that has begun (Q3). */
import type * as mssql from 'mssql';
import { type Database, execute, type Parameters, type Row } from './database.ts';
import { classify, explain, failure } from './errors.ts';
import { databaseKey, parseServer } from './server-name.ts';

/** The part of the caller's transaction that this file uses. The class is not checked: the caller may use another mssql. */
type CallersTransaction = Pick<mssql.Transaction, 'request'> & {
  readonly parent?: { readonly config?: Partial<mssql.config> };
};

function isTransaction(value: unknown): value is CallersTransaction {
  const { request, begin, commit } = (value ?? {}) as Partial<mssql.Transaction>;
  return typeof request === 'function' && typeof begin === 'function' && typeof commit === 'function';
}

/**
 * Calls a procedure on the caller's connection. It neither commits nor rolls back. It never repeats the call, because
 * the loss of the connection also ends the transaction.
 * @param waitsFor the advice after a wait for a lock
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export async function joinTransaction(
  database: Database,
  transaction: unknown,
  procedure: string,
  parameters: Parameters,
  waitsFor: string,
): Promise<Row[][]> {
  const { subject } = database;
  database.assertOpen();
  if (!isTransaction(transaction)) {
    throw failure(
      'INVALID_ARGUMENT',
      subject,
      `'transaction' must be an mssql.Transaction; begin one and pass it, or leave it out`,
    );
  }
  assertSameDatabase(database, transaction);
  const request = transaction.request();
  // Let the caller's driver choose the types, because it may not know the types of our copy of the driver.
  for (const [name, [, value]] of Object.entries(parameters)) request.input(name, value);
  request.input('Database', database.target.database);
  try {
    return await execute(request, database.procedure(procedure));
  } catch (error) {
    const classified = classify(error, 'calling');
    throw explain(error, { ...classified, ...(classified.waited && { advice: waitsFor }) }, subject);
  }
}

/**
 * Distinguishes databases of the same name on different servers. The procedure checks that the connection has not
 * changed its database since it was opened.
 */
function assertSameDatabase(database: Database, { parent }: CallersTransaction): void {
  const { server, port, database: name, options } = parent?.config ?? {};
  if (server === undefined || name === undefined) return;
  const instance = options?.instanceName;
  const named = parseServer(
    instance === undefined ? `${server}${port === undefined ? '' : `,${port}`}` : `${server}\\${instance}`,
  );
  const key = named === null ? null : databaseKey({ ...named, database: name });
  if (key === databaseKey(database.target)) return;
  throw failure(
    'WRONG_DATABASE',
    database.subject,
    `the transaction is on ${key ?? 'another server'}, not on ${database.subject.database}; begin it on the tenant's own database, with the server's name as the tenant has it`,
  );
}
