/** Notices the commit of callers' transactions whose driver has no event for it (F7). */
import { setTimeout as pause } from 'node:timers/promises';
import { isMultiOutboxError } from '../errors.ts';

const firstPauseMs = 10;
const longestPauseMs = 1_000;
/** The longest pause after another call: it may belong to the connection's next transaction, which may be short. */
const longestPauseAfterCallMs = 50;
/** Milliseconds after which the transaction counts as committed: an unnecessary wake is better than a missing one. */
const longestMs = 60_000;

interface Awaited {
  readonly messageId: string;
  leftMs: number;
  readonly resolve: (isCommitted: true) => void;
  readonly reject: (error: unknown) => void;
}

interface Watch {
  pauseMs: number;
  /** In the order of the calls. */
  readonly awaited: Awaited[];
}

/**
 * Looks for messages of a transaction, through a connection that sees only what is committed, again and again. All calls
 * for one transaction share the looks. A rollback is not noticed. Does not keep the process alive.
 */
export class VisibleCommits {
  readonly #isVisible: (messageId: string) => Promise<boolean>;
  readonly #watches = new WeakMap<object, Watch>();

  /** @param isVisible a cheap look for a message that is committed */
  constructor(isVisible: (messageId: string) => Promise<boolean>) {
    // A wake before the commit would find nothing, so an error that passes does not end the wait.
    this.#isVisible = (messageId) =>
      isVisible(messageId).catch((error) => {
        if (isLasting(error)) throw error;
        return false;
      });
  }

  /**
   * True once the message is there, and in the end. Rejects with an error of the looks that does not pass by itself.
   * `transaction` may be a connection, which has many after one another. */
  of(transaction: object, messageId: string): Promise<true> {
    const { promise, resolve, reject } = Promise.withResolvers<true>();
    const call: Awaited = { messageId, leftMs: longestMs, resolve, reject };
    const watch = this.#watches.get(transaction);
    if (watch !== undefined) {
      watch.awaited.push(call);
      watch.pauseMs = Math.min(watch.pauseMs, longestPauseAfterCallMs);
    } else {
      const begun = { pauseMs: firstPauseMs, awaited: [call] };
      this.#watches.set(transaction, begun);
      void this.#look(begun)
        .catch((error) => {
          for (const { reject } of begun.awaited) reject(error);
        })
        .finally(() => this.#watches.delete(transaction));
    }
    return promise;
  }

  async #look(watch: Watch): Promise<void> {
    const { awaited } = watch;
    while (awaited.length > 0) {
      const { pauseMs } = watch;
      await pause(pauseMs, undefined, { ref: false });
      for (const call of awaited) call.leftMs -= pauseMs;
      watch.pauseMs = Math.min(pauseMs * 1.6, longestPauseMs);
      const seen = await this.#seen(awaited);
      for (const { resolve } of awaited.splice(0, seen)) resolve(true);
      if (seen > 0) watch.pauseMs = firstPauseMs;
      while (awaited.length > 0 && awaited[0]!.leftMs <= 0) awaited.shift()!.resolve(true);
    }
  }

  /** How many calls, from the first on, belong to transactions that have ended. */
  async #seen(awaited: readonly Awaited[]): Promise<number> {
    const count = awaited.length;
    // A connection has one transaction at a time, so when the last one is committed, all before it have ended.
    if (await this.#isVisible(awaited[count - 1]!.messageId)) return count;
    let seen = 0;
    while (seen < count - 1 && (await this.#isVisible(awaited[seen]!.messageId))) seen++;
    return seen;
  }
}

/** Whether the looks will fail again, unlike those that meet a lock or a server that does not answer. */
function isLasting(error: unknown): boolean {
  if (!isMultiOutboxError(error)) return true;
  // A database that was closed to make room for another one's says nothing about the transaction.
  return !error.transient && error.code !== 'CLOSED';
}
