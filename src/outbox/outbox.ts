import type { DeadFilter, MessageRecord, QueueStatistics, WorkQueue } from '../engine/work-queue.ts';
import { newMessage } from '../queue/message.ts';

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
   * The caller's own open transaction: a `DatabaseSync` with a transaction begun, for embedded databases. The
   * messages commit or vanish with it (Q3).
   */
  readonly transaction?: unknown;
  /**
   * Makes the tenant due now once the messages are stored (F7). True by default; with `transaction` false, since
   * the messages are not there yet: wake the tenant after the commit.
   */
  readonly wake?: boolean;
}

export interface Enqueued {
  readonly messageId: string;
  readonly status: 'enqueued' | 'duplicate';
}

/** The outbox of one tenant. */
export interface Outbox {
  readonly tenantId: string;
  /** @throws INVALID_MESSAGE, UNKNOWN_TENANT, or what the engine's enqueue throws */
  enqueue(message: OutboxMessage, options?: EnqueueOptions): Promise<Enqueued>;
  /** Many in one round trip, all or none; results stand in the order given. */
  enqueue(messages: readonly OutboxMessage[], options?: EnqueueOptions): Promise<Enqueued[]>;
  get(messageId: string): Promise<MessageRecord | null>;
  statistics(): Promise<QueueStatistics>;
  readonly dead: DeadLetters;
}

/** Dead messages of one work queue. */
export interface DeadLetters {
  list(filter?: DeadFilter, page?: { limit?: number; after?: number }): Promise<MessageRecord[]>;
  count(filter?: DeadFilter): Promise<number>;
  /** Back to Ready, attempts reset, history kept; wakes the tenant. Returns how many (Q13). */
  replay(filter?: DeadFilter): Promise<number>;
  /** Removes them for good. Returns how many. */
  discard(filter?: DeadFilter): Promise<number>;
}

/** How an outbox reaches its work queue: `use` opens the tenant's database for as long as the action takes. */
export interface OutboxAccess {
  use<T>(action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  wake(): Promise<void>;
}

/** Rows touched at most by one call of a bulk action, below SQL Server's lock escalation. */
const bulkLimit = 1_000;

export function createOutbox(tenantId: string, access: OutboxAccess): Outbox {
  async function enqueue(
    input: OutboxMessage | readonly OutboxMessage[],
    { transaction, wake = transaction === undefined }: EnqueueOptions = {},
  ): Promise<Enqueued | Enqueued[]> {
    const many = Array.isArray(input) ? (input as readonly OutboxMessage[]) : [input as OutboxMessage];
    if (many.length === 0) return [];
    const messages = many.map((message, index) =>
      newMessage(message, many.length > 1 ? ` at index ${index}` : ''),
    );
    // Conflicts are of messages that bear a hash.
    const results = (await access.use((queue) => queue.enqueue(messages, transaction))) as Enqueued[];
    if (wake) await access.wake();
    return Array.isArray(input) ? results : results[0]!;
  }

  async function repeat(action: (queue: WorkQueue) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      const count = await access.use(action);
      total += count;
      if (count < bulkLimit) return total;
    }
  }

  return {
    tenantId,
    enqueue: enqueue as Outbox['enqueue'],
    get: (messageId) => access.use((queue) => queue.get(messageId)),
    statistics: () => access.use((queue) => queue.statistics()),
    dead: {
      list: (filter = {}, { limit = 100, after } = {}) =>
        access.use((queue) => queue.listDead(filter, { limit, ...(after !== undefined && { after }) })),
      count: (filter = {}) => access.use((queue) => queue.countDead(filter)),
      async replay(filter = {}) {
        const replayed = await repeat((queue) => queue.replayDead(filter, bulkLimit));
        if (replayed > 0) await access.wake();
        return replayed;
      },
      async discard(filter = {}) {
        const discarded = await repeat((queue) => queue.discardDead(filter, bulkLimit));
        // What was held back behind them can go on.
        if (discarded > 0) await access.wake();
        return discarded;
      },
    },
  };
}
