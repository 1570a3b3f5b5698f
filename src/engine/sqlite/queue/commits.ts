/** Detects the end of callers' transactions (F7). `DatabaseSync` has no event for that, so `Commits` polls. */
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { isTransactionOpen } from '../../native-transactions.ts';
import { Connection } from '../connection.ts';
import type { DatabaseHandle } from '../handle.ts';
import type { QueueTable } from './records.ts';

/** Milliseconds until the next look at a transaction that has lasted for so long: a tenth of that, within limits. */
export function nextLookMs(lastedMs: number): number {
  return Math.min(Math.max(lastedMs / 10, 5), 100);
}

/** A look for a message by its id that reads an index only. */
export function isStoredSql(table: QueueTable): string {
  return `SELECT 1 FROM ${table} INDEXED BY ${table}_MessageId WHERE MessageId = ?`;
}

interface Awaited {
  readonly messageId: string;
  readonly outcome: Promise<boolean>;
  readonly settle: (isCommitted: boolean) => void;
  isSettled: boolean;
}

/**
 * Between two polls a connection may end one transaction and begin the next. We therefore detect the commit by
 * looking for a message stored in the same transaction: once our own connection sees it, the transaction was
 * committed.
 */
export class Commits {
  readonly #handle: DatabaseHandle;
  readonly #sql: string;
  /** The awaited transactions by connection, because a connection has one transaction at a time. */
  readonly #awaited = new WeakMap<DatabaseSync, Awaited>();

  constructor(handle: DatabaseHandle, table: QueueTable) {
    this.#handle = handle;
    this.#sql = isStoredSql(table);
  }

  /** See `WorkQueue.committed`. Call it right after storing the message, while the connection has the write lock. */
  of(database: DatabaseSync, messageId: string): Promise<boolean> {
    const before = this.#awaited.get(database);
    if (before !== undefined) {
      // This read takes no additional lock: by storing the message, the transaction already got the write
      // lock.
      const verdict = this.#verdict(database, before) ?? (this.#sees(database, before) ? undefined : false);
      if (verdict === undefined) return before.outcome;
      before.settle(verdict);
    }
    const { promise: outcome, resolve } = Promise.withResolvers<boolean>();
    const awaited: Awaited = {
      messageId,
      outcome,
      isSettled: false,
      settle(isCommitted) {
        awaited.isSettled = true;
        resolve(isCommitted);
      },
    };
    this.#awaited.set(database, awaited);
    void this.#look(database, awaited);
    return outcome;
  }

  async #look(database: DatabaseSync, awaited: Awaited): Promise<void> {
    for (let lastedMs = 0; !awaited.isSettled; ) {
      const verdict = this.#verdict(database, awaited);
      if (verdict === undefined) {
        const waitMs = nextLookMs(lastedMs);
        await pause(waitMs, undefined, { ref: false });
        lastedMs += waitMs;
      } else awaited.settle(verdict);
    }
    if (this.#awaited.get(database) === awaited) this.#awaited.delete(database);
  }

  /** Whether the transaction was committed; undefined as long as it may be open. */
  #verdict(database: DatabaseSync, { messageId }: Awaited): boolean | undefined {
    // Check this first: if the transaction ends between the two checks, the second one sees its commit.
    const isOpen = isTransactionOpen(database);
    try {
      this.#handle.assertOpen();
      const isThere = this.#handle.file.connect().get(this.#sql, messageId) !== undefined;
      return isThere ? true : isOpen ? undefined : false;
    } catch {
      // Our own connection cannot find out, and an unnecessary wake is better than a missing one.
      return isOpen ? undefined : true;
    }
  }

  #sees(database: DatabaseSync, { messageId }: Awaited): boolean {
    try {
      return new Connection(database).get(this.#sql, messageId) !== undefined;
    } catch {
      return false;
    }
  }
}
