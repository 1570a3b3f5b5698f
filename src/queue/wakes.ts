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
    const { committed } = await this.#access
      // In an object: the database is not lent out until then.
      .use(async (queue) => ({ committed: queue.committed(transaction) }))
      // What is stored is not to be reported as failed.
      .catch(() => ({ committed: Promise.resolve(true) }));
    void committed
      .then((isCommitted) => (isCommitted ? this.#access.wake() : undefined))
      .finally(() => this.#awaited.delete(transaction));
  }
}
