/** Commits a handler's own writes and its message's outcome in one transaction (T1). */
import { unlessAborted } from '../../../unless-aborted.ts';
import { endedByHandler, messageLost } from '../../handler-transaction.ts';
import type { TransactRequest } from '../../work-queue.ts';
import { bigint, bind, bit, type Database, execute, type Parameters, uuid } from '../database.ts';
import { classify, explain } from '../errors.ts';
import { createClosableTransaction } from './closable-transaction.ts';

/** How the transaction ended. `unknown`: the answer to its commit was lost. */
type Ended<T> =
  | { readonly fate: 'committed' | 'unknown'; readonly value: T; readonly cause?: unknown }
  | { readonly fate: 'rolled-back'; readonly error: unknown };

export async function transact<T>(
  database: Database,
  table: string,
  { lease, sequence, messageId, signal }: TransactRequest,
  work: (transaction: unknown) => Promise<T>,
): Promise<T> {
  const { tenantId } = database.subject;
  const message: Parameters = {
    Sequence: [bigint, sequence],
    MessageId: [uuid, messageId],
    Fence: [bigint, lease.fence],
    AcquisitionId: [uuid, lease.acquisitionId],
  };
  const ended = await database.connected(async (pooled): Promise<Ended<T>> => {
    const { driver, pool } = pooled;
    const transaction = createClosableTransaction(driver, pool);
    await transaction.begin();
    let value: T;
    try {
      value = await unlessAborted(() => work(transaction), signal);
      signal.throwIfAborted();
      database.assertOpen();
    } catch (error) {
      await transaction.close(signal);
      database.leaveIfNotPrimary(error, pooled);
      return { fate: 'rolled-back', error };
    }
    try {
      const request = new driver.Request(transaction);
      bind(driver, request, message);
      const [rows] = await execute(request, database.procedure(`${table}_Complete`));
      if (rows![0]!.Settled !== true) throw messageLost(tenantId);
    } catch (error) {
      await transaction.close(signal);
      database.leaveIfNotPrimary(error, pooled);
      const classified = classify(error, 'calling');
      if (classified.code !== 'TRANSACTION_NOT_OPEN')
        return { fate: 'rolled-back', error: explain(error, classified, database.subject) };
      return { fate: 'rolled-back', error: endedByHandler(tenantId) };
    }
    try {
      await transaction.commit();
      return { fate: 'committed', value };
    } catch (cause) {
      database.leaveIfNotPrimary(cause, pooled);
      return { fate: 'unknown', value, cause };
    }
  });
  if (ended.fate === 'rolled-back') throw ended.error;
  if (ended.fate === 'unknown') {
    const asked = { ...message, Again: [bit, true] } as const;
    const [rows] = await database.call(`${table}_Complete`, asked, { onLost: 'repeat' });
    if (rows![0]!.Settled !== true)
      throw explain(ended.cause, classify(ended.cause, 'calling'), database.subject);
  }
  return ended.value;
}
