import type { QueueAccess } from './stored-messages.ts';

/** Wakes a tenant when messages have been stored (F7). */
export class Wakes {
  readonly #access: QueueAccess;
  /** Callers' transactions whose end is awaited: each wakes once, however often it enqueued. */
  readonly #awaited = new WeakSet<object>();

  constructor(access: QueueAccess) {
    this.#access = access;
  }

  /** Wakes now; or, in the background, when the transaction that the messages are part of has been committed. */
  async stored(transaction: unknown): Promise<void> {
    if (typeof transaction !== 'object' || transaction === null) return this.#access.wake();
    if (this.#awaited.has(transaction)) return;
    this.#awaited.add(transaction);
    // In an object: the database is not lent out until then.
    const { committed } = await this.#access.use(async (queue) => ({
      committed: queue.committed(transaction),
    }));
    void committed
      .then((isCommitted) => (isCommitted ? this.#access.wake() : undefined))
      .finally(() => this.#awaited.delete(transaction));
  }
}
