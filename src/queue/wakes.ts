import type { QueueAccess } from './stored-messages.ts';

/** Wakes a tenant when messages have been stored (F7). */
export class Wakes {
  readonly #access: QueueAccess;
  /** The callers' transactions whose end is awaited. Each wakes the tenant once, however often it enqueued. */
  readonly #awaited = new WeakSet<Promise<boolean>>();

  constructor(access: QueueAccess) {
    this.#access = access;
  }

  /**
   * Wakes the tenant now; or, for messages stored in a caller's transaction, in the background after its commit.
   * @param messageId the id of one of the stored messages
   */
  async stored(transaction: unknown, messageId: string): Promise<void> {
    if (transaction === undefined || transaction === null) return this.#access.wake();
    const { committed }: { committed: Promise<boolean> } = await this.#access
      // The promise is wrapped in an object, so that `use` does not await the commit and keep the database open until
      // then.
      .use(async (queue) => ({ committed: queue.committed(transaction, messageId) }))
      // The messages are stored, so a failure here must not fail the call. The commit is still to come, and cannot be noticed.
      .catch((error) => ({ committed: Promise.reject(error) }));
    if (this.#awaited.has(committed)) return;
    this.#awaited.add(committed);
    this.#access.wakeAfter(committed);
  }
}
