import { newMessages } from '../queue/message.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';

/** A message as an application enqueues it. */
export interface OutboxMessage {
  /** 1 to 200 characters; matched without regard to case. */
  readonly topic: string;
  /** Text is kept as it is; anything else is stored as JSON. */
  readonly payload: unknown;
  /** A UUID of the caller's own; made when absent. The same id again is a duplicate. */
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId?: string;
  /** Messages of one key are dispatched one after another (Q10). */
  readonly orderingKey?: string;
  /** A key seen before, within retention, makes this message a duplicate: nothing is stored (Q3). */
  readonly dedupKey?: string;
  /** Milliseconds, or text such as '5m', until the message is due. */
  readonly delay?: number | string;
}

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
