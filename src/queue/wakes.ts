import type { QueueAccess } from './stored-messages.ts';

/** Wakes a tenant when messages have been stored (F7). */
export class Wakes {
  readonly #access: QueueAccess;
  /** Ends of callers' transactions that are awaited: each wakes once, however often it enqueued. */
  readonly #awaited = new WeakSet<Promise<boolean>>();

  constructor(access: QueueAccess) {
    this.#access = access;
  }

  /**
   * Wakes now; or, in the background, when the transaction that the messages are part of has been committed.
   * @param messageId one of those that were stored
   */
  async stored(transaction: unknown, messageId: string): Promise<void> {
    if (typeof transaction !== 'object' || transaction === null) return this.#access.wake();
    const { committed } = await this.#access
      // In an object: the database is not lent out until then.
      .use(async (queue) => ({ committed: queue.committed(transaction, messageId) }))
      // What is stored is not to be reported as failed.
      .catch(() => ({ committed: Promise.resolve(true) }));
    if (this.#awaited.has(committed)) return;
    this.#awaited.add(committed);
    void committed.then((isCommitted) => (isCommitted ? this.#access.wake() : undefined));
  }
}
