/** The parts of a handler's transaction that all engines share. */
import { MultiOutboxError } from '../errors.ts';

/** The error when a newer run has taken over the message and will do the work again. */
export function messageLost(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'LEASE_LOST',
    `tenant '${tenantId}': a newer run has taken over the message, so the writes of this handler were rolled back; do nothing, because the newer run handles the message again`,
    tenantId === undefined ? {} : { tenantId },
  );
}

/** The error when a statement of the handler has ended the transaction: COMMIT, ROLLBACK, or one that the database refused. */
export function endedByHandler(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'TRANSACTION_NOT_OPEN',
    `tenant '${tenantId}': the handler's transaction is no longer open, so the message could not be settled in it; leave COMMIT and ROLLBACK to context.transaction, and let the error of a failed statement leave the handler, because the database may roll back with it`,
    tenantId === undefined ? {} : { tenantId },
  );
}

/**
 * The error when the run's lease is about to run out in a database with one writer: the open transaction prevents the
 * renewal of the lease.
 */
export function outlastsLease(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'ABORTED',
    `tenant '${tenantId}': the handler's transaction stayed open until the run's lease was about to run out, and was rolled back; do slow work before the transaction, or raise MULTI_OUTBOX_LEASE`,
    tenantId === undefined ? {} : { tenantId },
  );
}
