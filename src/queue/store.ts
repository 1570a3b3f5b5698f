import type { EnqueueResult, NewMessage } from '../engine/message.ts';
import { markTransaction } from '../engine/transaction-mark.ts';
import type { QueueAccess } from './stored-messages.ts';

/**
 * Stores messages, in the caller's transaction if one is given. Call it in the tick in which the caller gave the
 * transaction: the caller may end it in the next one.
 */
export async function store(
  access: QueueAccess,
  messages: readonly NewMessage[],
  transaction: unknown,
): Promise<EnqueueResult[]> {
  const mark = markTransaction(transaction);
  try {
    return await access.use((queue) => queue.enqueue(messages, transaction, mark));
  } finally {
    mark?.end();
  }
}
