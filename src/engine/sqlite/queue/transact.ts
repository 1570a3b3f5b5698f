/** One transaction for a handler's own writes and its message's outcome (T1). */
import { withEitherSignal } from '../../../either-signal.ts';
import { timerDelayMs } from '../../../timer-delay.ts';
import { unlessAborted } from '../../../unless-aborted.ts';
import { endedByHandler, messageLost, outlastsLease } from '../../handler-transaction.ts';
import { isTransactionOpen } from '../../native-transactions.ts';
import type { QueueName, TransactRequest } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { closeQuietly } from '../file.ts';
import type { DatabaseHandle } from '../handle.ts';
import { expiresInMs, isLastAcquisition } from '../lease-store.ts';
import { LentConnection } from '../lent-connection.ts';
import { applyOutcomes } from './outcomes.ts';
import { tableOf } from './records.ts';

/**
 * The handler gets a connection apart from the engine's own. The file has one writer, so this process's handlers take
 * turns. Its other writes go in between, such as the renewal of the run's lease. A transaction that would delay the
 * renewal until the lease has run out is rolled back before then.
 */
export function transact<T>(
  handle: DatabaseHandle,
  queue: QueueName,
  request: TransactRequest,
  work: (transaction: unknown) => Promise<T>,
): Promise<T> {
  const { signal } = request;
  const { file, subject } = handle;
  return file.transactions.use(async () => {
    const { connection, beside } = await handle.begun();
    const lent = new LentConnection(connection, subject.tenantId);
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    let isReusable = false;
    try {
      timer = setTimeout(
        () => limit.abort(outlastsLease(subject.tenantId)),
        mayLastMs(expiresInMs(connection, request.lease)),
      );
      return await withEitherSignal(signal, limit.signal, async (stop) => {
        const result = await unlessAborted(() => work(lent.database), stop);
        stop.throwIfAborted();
        settleAndCommit(handle, connection, queue, request);
        isReusable = lent.isReusable;
        return result;
      });
    } finally {
      clearTimeout(timer);
      lent.end();
      if (isReusable) file.keepSpare(connection, beside);
      // Closing rolls back an uncommitted transaction.
      else closeQuietly(connection.database);
    }
  }, signal);
}

/** Leaves a fifth of the lease's remaining time, at most 2 s, for its renewal. */
export function mayLastMs(leaseMs: number): number {
  return timerDelayMs(leaseMs - Math.min(leaseMs / 5, 2_000));
}

/** This function is synchronous, so that no other call comes between the steps. */
function settleAndCommit(
  handle: DatabaseHandle,
  connection: Connection,
  queue: QueueName,
  { lease, sequence, messageId }: TransactRequest,
): void {
  const { subject } = handle;
  handle.assertOpen();
  if (!isTransactionOpen(connection.database)) throw endedByHandler(subject.tenantId);
  try {
    const outcomes = [{ sequence, messageId, kind: 'done' }] as const;
    const unmatched = applyOutcomes(connection, tableOf[queue], {
      lease,
      outcomes,
      onDead: 'block',
      now: connection.now(),
      isLast: isLastAcquisition(connection, lease),
      isUnbroken: false,
    });
    if (unmatched.length > 0) throw messageLost(subject.tenantId);
    connection.prepare('COMMIT').run();
  } catch (error) {
    throw handle.explain(error);
  }
}
