/** A handler's own writes and the outcome of its message in one transaction (T1). */
import { unlessAborted } from '../../../unless-aborted.ts';
import { endedByHandler, messageLost, outlastsLease } from '../../handler-transaction.ts';
import type { QueueName, TransactRequest } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { explain } from '../errors.ts';
import { closeQuietly } from '../file.ts';
import type { DatabaseHandle } from '../handle.ts';
import { expiresInMs } from '../lease-store.ts';
import { isTransactionOpen } from '../transaction.ts';
import { applyOutcomes } from './outcomes.ts';
import { tableOf } from './records.ts';

/**
 * The handler gets a connection of its own, closed at the end: what it does too late finds no database. The file has one
 * writer, so handlers of this process take turns, and its other writes go in between. The renewal of the run's lease is
 * one of them: a transaction that would keep it waiting until the lease has run out is rolled back before.
 */
export function transact<T>(
  handle: DatabaseHandle,
  queue: QueueName,
  request: TransactRequest,
  work: (transaction: unknown) => Promise<T>,
): Promise<T> {
  const { signal } = request;
  const { transactions } = handle.file;
  return transactions.use(async () => {
    const connection = await handle.begun();
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    try {
      timer = setTimeout(
        () => limit.abort(outlastsLease(handle.subject.tenantId)),
        mayLastMs(expiresInMs(connection, request.lease)),
      );
      const stop = AbortSignal.any([signal, limit.signal]);
      const result = await unlessAborted(() => work(connection.database), stop);
      stop.throwIfAborted();
      settleAndCommit(handle, connection, queue, request);
      return result;
    } finally {
      clearTimeout(timer);
      // Takes back what was not committed.
      closeQuietly(connection.database);
    }
  }, signal);
}

/** Leaves a fifth of the lease's time, 2 s at most, for its renewal. */
function mayLastMs(leaseMs: number): number {
  return Math.min(leaseMs - Math.min(leaseMs / 5, 2_000), 2 ** 31 - 1);
}

/** In one stretch: nothing comes between. */
function settleAndCommit(
  handle: DatabaseHandle,
  connection: Connection,
  queue: QueueName,
  { lease, sequence }: TransactRequest,
): void {
  const { subject, file } = handle;
  handle.assertOpen();
  if (!isTransactionOpen(connection.database)) throw endedByHandler(subject.tenantId);
  try {
    const outcomes = [{ sequence, kind: 'done' }] as const;
    const unmatched = applyOutcomes(
      connection,
      tableOf[queue],
      { lease, outcomes, onDead: 'block' },
      connection.now(),
    );
    if (unmatched.length > 0) throw messageLost(subject.tenantId);
    connection.database.exec('COMMIT');
  } catch (error) {
    throw explain(error, subject, () => file.access());
  }
}
