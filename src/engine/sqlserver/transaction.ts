/** Enqueues in the caller's own transaction: of mssql, or of another driver through its queries (Q3). */
import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../errors.ts';
import { callersTransaction } from '../callers-drivers.ts';
import { inTurn, type TransactionMark, unknownTransaction } from '../callers-transaction.ts';
import { isMssqlTransaction } from '../native-transactions.ts';
import { likeMssql } from './callers-errors.ts';
import { type Database, execute, type Parameters, type Row, text } from './database.ts';
import { classify, explain, failure } from './errors.ts';
import { executeText } from './execute-text.ts';
import { databaseKey, parseServer } from './server-name.ts';

/** The part of the caller's transaction that this file uses. */
type CallersTransaction = Pick<mssql.Transaction, 'request'> & {
  readonly parent?: { readonly config?: Partial<mssql.config> & { readonly ownInstance?: string | null } };
};

export function isTransaction(value: unknown): value is CallersTransaction {
  return isMssqlTransaction(value);
}

/**
 * Calls a procedure on the caller's connection. It neither commits nor rolls back. It never repeats the call, because
 * the loss of the connection also ends the transaction.
 * @param waitsFor the advice after a wait for a lock
 * @throws INVALID_ARGUMENT, TRANSACTION_NOT_OPEN, WRONG_DATABASE, SCHEMA_ and DATABASE_ codes
 */
export async function joinTransaction(
  database: Database,
  { transaction, mark }: { transaction: unknown; mark: TransactionMark | undefined },
  procedure: string,
  parameters: Parameters,
  waitsFor: string,
): Promise<Row[][]> {
  const { subject, target } = database;
  database.assertOpen();
  /** Right before a statement is sent: the caller may have ended the transaction while other calls had their turn. */
  const assertSame = () => {
    const problem = mark?.problem();
    if (problem !== undefined) throw failure('TRANSACTION_NOT_OPEN', subject, problem);
  };
  const named: Parameters = { ...parameters, Database: [text, target.database] };
  const explained = (error: unknown, cause = error) => {
    const classified = classify(error, 'calling');
    return explain(cause, { ...classified, ...(classified.waited && { advice: waitsFor }) }, subject);
  };
  if (isTransaction(transaction)) {
    assertSameDatabase(database, transaction);
    // It takes one request at a time.
    return inTurn(transaction, () => {
      assertSame();
      const request = transaction.request();
      // Let the caller's driver choose the types, because it may not know the types of our copy of the driver.
      for (const [name, [, value]] of Object.entries(named)) request.input(name, value);
      return execute(request, database.procedure(procedure)).catch((error) => {
        throw explained(error);
      });
    });
  }
  const recognised = () => {
    const joined = callersTransaction(transaction, 'sqlserver');
    if (joined === undefined) throw failure('INVALID_ARGUMENT', subject, unknownTransaction);
    if ('problem' in joined) throw failure('TRANSACTION_NOT_OPEN', subject, joined.problem);
    return joined;
  };
  const { sql, values } = executeText(database.procedure(procedure), named, recognised().placeholder);
  return inTurn(transaction as object, async () => {
    assertSame();
    const joined = recognised();
    try {
      return [[...(await joined.query(sql, values))]];
    } catch (error) {
      if (error instanceof MultiOutboxError) throw failure(error.code, subject, error.message, error);
      throw explained(likeMssql(error), error);
    }
  });
}

/**
 * Distinguishes databases of the same name on different servers. The procedure checks that the connection has not
 * changed its database since it was opened.
 */
function assertSameDatabase(database: Database, { parent }: CallersTransaction): void {
  const { server, port, database: name, options, ownInstance } = parent?.config ?? {};
  if (server === undefined || name === undefined) return;
  // Of a caller's pool, or of one of this engine (driver-config.ts).
  const instance = options?.instanceName ?? ownInstance ?? undefined;
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
