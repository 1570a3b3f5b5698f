/** How callers' transactions end: `DatabaseSync` has no event to tell of it, so it is looked at again and again (F7). */
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '../connection.ts';
import type { DatabaseHandle } from '../handle.ts';
import { isTransactionOpen } from '../transaction.ts';
import type { QueueTable } from './records.ts';

const lookMs = 5;

interface Awaited {
  readonly messageId: string;
  readonly told: Promise<boolean>;
  readonly tell: (isCommitted: boolean) => void;
  isTold: boolean;
}

/**
 * A connection that is always within a transaction may have ended one and begun the next since it was last looked at. So
 * it is a message stored in the transaction that tells: once our own connection sees it, it was committed.
 */
export class Commits {
  readonly #handle: DatabaseHandle;
  readonly #sql: string;
  /** A connection has one transaction at a time. */
  readonly #awaited = new WeakMap<DatabaseSync, Awaited>();

  constructor(handle: DatabaseHandle, table: QueueTable) {
    this.#handle = handle;
    this.#sql = `SELECT 1 FROM ${table} INDEXED BY ${table}_MessageId WHERE MessageId = ?`;
  }

  /** See `WorkQueue.committed`. Right after the message was stored: the connection holds the write lock. */
  of(database: DatabaseSync, messageId: string): Promise<boolean> {
    const before = this.#awaited.get(database);
    if (before !== undefined) {
      // This read takes no lock: what was just stored has begun the transaction for good.
      const verdict = this.#verdict(database, before) ?? (this.#sees(database, before) ? undefined : false);
      if (verdict === undefined) return before.told;
      before.tell(verdict);
    }
    const { promise: told, resolve } = Promise.withResolvers<boolean>();
    const awaited: Awaited = {
      messageId,
      told,
      isTold: false,
      tell(isCommitted) {
        awaited.isTold = true;
        resolve(isCommitted);
      },
    };
    this.#awaited.set(database, awaited);
    void this.#look(database, awaited);
    return told;
  }

  async #look(database: DatabaseSync, awaited: Awaited): Promise<void> {
    while (!awaited.isTold) {
      const verdict = this.#verdict(database, awaited);
      if (verdict === undefined) await pause(lookMs, undefined, { ref: false });
      else awaited.tell(verdict);
    }
    if (this.#awaited.get(database) === awaited) this.#awaited.delete(database);
  }

  /** Undefined as long as the transaction may be open. */
  #verdict(database: DatabaseSync, { messageId }: Awaited): boolean | undefined {
    // Asked first: what ends between the two questions was committed.
    const isOpen = isTransactionOpen(database);
    try {
      this.#handle.assertOpen();
      const isThere = this.#handle.file.connect().get(this.#sql, messageId) !== undefined;
      return isThere ? true : isOpen ? undefined : false;
    } catch {
      // Our own connection cannot tell: a wake too many is better than none.
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
