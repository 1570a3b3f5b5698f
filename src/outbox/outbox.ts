import { type MessageInput, newMessages } from '../queue/message.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';

export type OutboxMessage = MessageInput;

export interface EnqueueOptions {
  /**
   * The caller's own open transaction: a `DatabaseSync` with a transaction begun, for embedded databases, or an
   * `mssql.Transaction`. The messages commit or vanish with it (Q3).
   */
  readonly transaction?: unknown;
  /**
   * Makes the tenant due now once the messages are there for all to see (F7): with `transaction`, after its commit. True
   * by default, with `transaction` false.
   */
  readonly wake?: boolean;
}

export interface Enqueued {
  readonly messageId: string;
  readonly status: 'enqueued' | 'duplicate';
}

/** The outbox of one tenant. */
export interface Outbox extends StoredMessages {
  /** @throws INVALID_MESSAGE, UNKNOWN_TENANT, or what the engine's enqueue throws */
  enqueue(message: OutboxMessage, options?: EnqueueOptions): Promise<Enqueued>;
  /** Many in one round trip, all or none; results stand in the order given. */
  enqueue(messages: readonly OutboxMessage[], options?: EnqueueOptions): Promise<Enqueued[]>;
  /** One or many: the result has the same form. */
  enqueue(
    input: OutboxMessage | readonly OutboxMessage[],
    options?: EnqueueOptions,
  ): Promise<Enqueued | Enqueued[]>;
}

export function createOutbox(tenantId: string, access: QueueAccess): Outbox {
  const wakes = new Wakes(access);

  async function enqueue(
    input: OutboxMessage | readonly OutboxMessage[],
    { transaction, wake = (transaction ?? undefined) === undefined }: EnqueueOptions = {},
  ): Promise<Enqueued | Enqueued[]> {
    const messages = newMessages(input);
    if (messages.length === 0) return [];
    // Conflicts are of messages that bear a hash.
    const results = (await access.use((queue) => queue.enqueue(messages, transaction))) as Enqueued[];
    if (wake) {
      // That of a duplicate may have been committed before.
      const { messageId } = results.find(({ status }) => status === 'enqueued') ?? results[0]!;
      await wakes.stored(transaction, messageId);
    }
    return Array.isArray(input) ? results : results[0]!;
  }

  return { ...storedMessages(tenantId, access), enqueue: enqueue as Outbox['enqueue'] };
}
