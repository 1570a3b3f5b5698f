/** What all engines' transactions of handlers have in common. */
import { MultiOutboxError } from '../errors.ts';

/** The message was taken over by a newer run, which will do the work again. */
export function messageLost(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'LEASE_LOST',
    `tenant '${tenantId}': the message belongs to a newer run; what its handler wrote was rolled back`,
    tenantId === undefined ? {} : { tenantId },
  );
}

/** The handler must leave the end of its transaction to the engine. */
export function endedByHandler(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'TRANSACTION_NOT_OPEN',
    `tenant '${tenantId}': the transaction is not open any more, so the message was not settled in it; leave COMMIT and ROLLBACK to context.transaction`,
    tenantId === undefined ? {} : { tenantId },
  );
}

/** Where a database has one writer: the run's lease, which nobody can renew meanwhile, is about to run out. */
export function outlastsLease(tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'ABORTED',
    `tenant '${tenantId}': the transaction was open until shortly before the run's lease ran out, which cannot be renewed meanwhile, and was rolled back; keep it shorter, with slow work before it, or raise MULTI_OUTBOX_LEASE`,
    tenantId === undefined ? {} : { tenantId },
  );
}
