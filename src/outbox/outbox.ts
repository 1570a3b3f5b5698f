import type { EnqueueStatement } from '../engine/work-queue.ts';
import { functionOf, isList } from '../errors.ts';
import { optionsOf } from '../options.ts';
import { type MessageInput, newMessage, newMessages } from '../queue/message.ts';
import { store } from '../queue/store.ts';
import { storeOptions } from '../queue/store-options.ts';
import { type QueueAccess, type StoredMessages, storedMessages } from '../queue/stored-messages.ts';
import { Wakes } from '../queue/wakes.ts';

export type OutboxMessage = MessageInput;

export interface EnqueueOptions {
  /**
   * The caller's own open transaction, as the driver or library gives it (docs/transactions.md lists them), or an
   * `SqlTransaction` for any other. The messages are committed or rolled back with it (Q3). Leave it out to commit the
   * messages on their own; undefined and null are refused.
   */
  readonly transaction?: unknown;
  /**
   * Makes the tenant due now once the messages are committed (F7): with `transaction`, after its commit. Default:
   * true without `transaction`, false with it.
   */
  readonly wake?: boolean;
}

export interface StatementOptions {
  /** Writes the nth parameter, counted from 1, in the statement. Default: `?` in SQLite, `@p1` on SQL Server. */
  readonly placeholder?: (nth: number) => string;
}

export interface Enqueued {
  /** The id of the stored message; for a duplicate, that of the first one. */
  readonly messageId: string;
  /** `duplicate`: its id or dedup key was stored before, and this call stored nothing. */
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
  /**
   * Returns one statement that stores the message in the transaction in which you run it, for drivers to which `enqueue`
   * cannot await, and for other programs. Nothing is sent. Wake the tenant after the commit. On SQL Server the statement
   * fails outside of a transaction, and in another database; SQLite cannot tell.
   * @throws INVALID_MESSAGE, INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  enqueueStatement(message: OutboxMessage, options?: StatementOptions): Promise<EnqueueStatement>;
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
    const results = (await store(access, messages, transaction)) as Enqueued[];
    if (wake) {
      // Prefer a message stored by this call: a duplicate's row may have been committed earlier, and so says nothing
      // about this transaction.
      const { messageId } = results.find(({ status }) => status === 'enqueued') ?? results[0]!;
      await wakes.stored(transaction, messageId);
    }
    return isList(input) ? results : results[0]!;
  }

  async function enqueueStatement(
    message: OutboxMessage,
    options: StatementOptions = {},
  ): Promise<EnqueueStatement> {
    const { placeholder } = optionsOf('enqueueStatement', options, { placeholder: true });
    if (placeholder !== undefined) functionOf('enqueueStatement', 'placeholder', placeholder);
    const checked = newMessage(message);
    return access.use(async (queue) => queue.enqueueStatement(checked, placeholder));
  }

  return {
    ...storedMessages(tenantId, access),
    enqueue: enqueue as Outbox['enqueue'],
    enqueueStatement,
  };
}
