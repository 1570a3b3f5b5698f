/**
 * Tells a caller's transaction from the next one of the same value (Q3). An engine stores messages later than at the call,
 * because the tenant is looked up first; a caller that does not await the call may have ended its transaction by then.
 */
import { callersTransaction } from './callers-drivers.ts';
import { endedMeanwhile, type TransactionMark } from './callers-transaction.ts';
import { isMssqlTransaction, isNodeSqlite, isTransactionOpen } from './native-transactions.ts';
import { savepointMark } from './savepoint-mark.ts';
import { countedMssql } from './transaction-counts.ts';

/**
 * Marks the open transaction, in the tick of the call. Undefined when the value needs no mark, because it belongs to one
 * transaction only, or when it tells nothing; docs/transactions.md says which.
 */
export function markTransaction(transaction: unknown): TransactionMark | undefined {
  if (isNodeSqlite(transaction)) return savepointMark(transaction, () => isTransactionOpen(transaction));
  if (isMssqlTransaction(transaction)) return identityMark(() => countedMssql(transaction));
  const found = callersTransaction(transaction, 'sqlite');
  if (found === undefined) return undefined;
  if ('problem' in found) return { problem: () => found.problem, end() {} };
  if (found.isSynchronous) {
    const connection = transaction as { exec(sql: string): unknown; open?: boolean; inTransaction: boolean };
    return savepointMark(connection, () => connection.open !== false && connection.inTransaction);
  }
  const { identity } = found;
  return identity === undefined ? undefined : identityMark(identity);
}

function identityMark(identity: () => unknown): TransactionMark {
  const marked = identity();
  return { problem: () => (identity() === marked ? undefined : endedMeanwhile), end() {} };
}
