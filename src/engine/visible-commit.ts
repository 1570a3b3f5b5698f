/** Notices the commit of callers' transactions whose driver has no event for it (F7). */
import { isMultiOutboxError } from '../errors.ts';

const firstPauseMs = 10;
const longestPauseMs = 1_000;
/** The longest pause after another call: it may belong to the connection's next transaction, which may be short. */
const longestPauseAfterCallMs = 50;
/** Milliseconds after which a call's transaction counts as committed: an unnecessary wake is better than a missing one. */
const longestMs = 60_000;
/** The most messages of one look, so that a transaction with many calls costs no more than another one. */
const mostOfALook = 100;

interface Awaited {
  readonly messageId: string;
  readonly resolve: (isCommitted: true) => void;
  readonly reject: (error: unknown) => void;
  /** Resolves the call when its time is up, whatever the looks do. */
  readonly deadline: NodeJS.Timeout;
}

interface Watch {
  /** The length of the pause that began last, or, during a look, of the next one. */
  pauseMs: number;
  /** Absent during a look. */
  pause: NodeJS.Timeout | undefined;
  /** In the order of the calls; never empty. */
  readonly awaited: Awaited[];
  /** Where the next look at a part of the calls begins. */
  next: number;
}

/**
 * Looks for messages of a transaction, through a connection that sees only what is committed, again and again. All calls
 * for one transaction share the looks. A rollback is not noticed. Does not keep the process alive.
 */
export class VisibleCommits {
  readonly #visible: (messageIds: readonly string[]) => Promise<readonly string[]>;
  /** The transactions with calls that have not ended. */
  readonly #watches = new WeakMap<object, Watch>();

  /** @param visible a cheap look for messages; returns those that are committed, spelt as they were given */
  constructor(visible: (messageIds: readonly string[]) => Promise<readonly string[]>) {
    this.#visible = visible;
  }

  /**
   * True once the message is there, and after a minute. Rejects with an error of the looks that does not pass by itself.
   * `transaction` may be a connection, which has many after one another.
   */
  of(transaction: object, messageId: string): Promise<true> {
    const { promise, resolve, reject } = Promise.withResolvers<true>();
    const deadline = setTimeout(() => {
      // Its watch still has this call, for a call that leaves its watch has no deadline any more.
      const { awaited } = this.#watches.get(transaction)!;
      this.#leave(transaction, awaited.splice(awaited.indexOf(call), 1));
      resolve(true);
    }, longestMs).unref();
    const call: Awaited = { messageId, resolve, reject, deadline };
    const watch = this.#watches.get(transaction);
    if (watch === undefined) {
      const begun: Watch = { pauseMs: firstPauseMs, pause: undefined, awaited: [call], next: 0 };
      this.#watches.set(transaction, begun);
      this.#pause(transaction, begun);
      return promise;
    }
    watch.awaited.push(call);
    if (watch.pauseMs > longestPauseAfterCallMs) {
      watch.pauseMs = longestPauseAfterCallMs;
      if (watch.pause !== undefined) this.#pause(transaction, watch);
    }
    return promise;
  }

  #pause(transaction: object, watch: Watch): void {
    clearTimeout(watch.pause);
    watch.pause = setTimeout(() => {
      watch.pause = undefined;
      watch.pauseMs = Math.min(watch.pauseMs * 1.6, longestPauseMs);
      void this.#look(transaction, watch);
    }, watch.pauseMs).unref();
  }

  async #look(transaction: object, watch: Watch): Promise<void> {
    const { awaited } = watch;
    const part = partOf(watch);
    let visible: ReadonlySet<string>;
    try {
      visible = new Set(await this.#visible(part.map(({ messageId }) => messageId)));
    } catch (error) {
      // A wake before the commit would find nothing, so an error that passes does not end the wait.
      if (isLasting(error)) {
        for (const { reject } of this.#leave(transaction, awaited.splice(0))) reject(error);
        return;
      }
      visible = new Set();
    }
    // A connection has one transaction at a time, so when one is committed, all before it have ended.
    const last = part.findLast(({ messageId }) => visible.has(messageId));
    if (last !== undefined) {
      watch.pauseMs = firstPauseMs;
      const ended = this.#leave(transaction, awaited.splice(0, awaited.indexOf(last) + 1));
      for (const { resolve } of ended) resolve(true);
    }
    if (awaited.length > 0) this.#pause(transaction, watch);
  }

  /** Ends the deadlines of calls that have left their watch, and the watch with its last call, before anyone is told. */
  #leave(transaction: object, calls: readonly Awaited[]): readonly Awaited[] {
    for (const { deadline } of calls) clearTimeout(deadline);
    const watch = this.#watches.get(transaction);
    if (watch?.awaited.length === 0) {
      clearTimeout(watch.pause);
      this.#watches.delete(transaction);
    }
    return calls;
  }
}

/** The calls of the next look, in their order: the last one, and the others by turns. */
function partOf(watch: Watch): Awaited[] {
  const { awaited } = watch;
  if (awaited.length <= mostOfALook) return [...awaited];
  const others = awaited.length - 1;
  const from = watch.next < others ? watch.next : 0;
  watch.next = from + mostOfALook - 1;
  return [...awaited.slice(from, Math.min(watch.next, others)), awaited.at(-1)!];
}

/** Whether the looks will fail again, unlike those that meet a lock or a server that does not answer. */
function isLasting(error: unknown): boolean {
  if (!isMultiOutboxError(error)) return true;
  // A database that was closed to make room for another one's says nothing about the transaction.
  return !error.transient && error.code !== 'CLOSED';
}
