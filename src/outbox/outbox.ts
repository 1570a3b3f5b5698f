import { type MessageInput, newMessages } from '../queue/message.ts';
import { storeOptions } from '../queue/store-options.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';

export type OutboxMessage = MessageInput;

export interface EnqueueOptions {
  /**
   * The caller's own open transaction: for embedded databases a `DatabaseSync` that has begun a transaction, for SQL
   * Server an `mssql.Transaction`. The messages are committed or rolled back with it (Q3). Leave it out to commit the
   * messages on their own; undefined and null are refused.
   */
  readonly transaction?: unknown;
  /**
   * Makes the tenant due now once the messages are committed (F7): with `transaction`, after its commit. Default:
   * true without `transaction`, false with it.
   */
  readonly wake?: boolean;
}

export interface Enqueued {
  readonly messageId: string;
  readonly status: 'enqueued' | 'duplicate';
}

/** The outbox of one tenant. */
export interface Outbox extends StoredMessages {
  /** @throws INVALID_MESSAGE, INVALID_ARGUMENT, UNKNOWN_TENANT, or what the engine's enqueue throws */
  enqueue(message: OutboxMessage, options?: EnqueueOptions): Promise<Enqueued>;
  /** Stores many in one round trip, all or none; the results have the order of the input. */
  enqueue(messages: readonly OutboxMessage[], options?: EnqueueOptions): Promise<Enqueued[]>;
  /** Takes one message or many; the result has the same form. */
  enqueue(
    input: OutboxMessage | readonly OutboxMessage[],
    options?: EnqueueOptions,
  ): Promise<Enqueued | Enqueued[]>;
}

export function createOutbox(tenantId: string, access: QueueAccess): Outbox {
  const wakes = new Wakes(access);

  async function enqueue(
    input: OutboxMessage | readonly OutboxMessage[],
    options: EnqueueOptions = {},
  ): Promise<Enqueued | Enqueued[]> {
    const { transaction, wake } = storeOptions('enqueue', options);
    const messages = newMessages(input);
    if (messages.length === 0) return [];
    // Only messages with a hash can conflict, and these have none.
    const results = (await access.use((queue) => queue.enqueue(messages, transaction))) as Enqueued[];
    if (wake) {
      // Prefer a message stored by this call: a duplicate's row may have been committed earlier, and so says nothing
      // about this transaction.
      const { messageId } = results.find(({ status }) => status === 'enqueued') ?? results[0]!;
      await wakes.stored(transaction, messageId);
    }
    return Array.isArray(input) ? results : results[0]!;
  }

  return { ...storedMessages(tenantId, access), enqueue: enqueue as Outbox['enqueue'] };
}
