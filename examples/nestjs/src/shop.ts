/** A shop with one database: stores users in its own transactions, each with a message. */
import { DatabaseSync } from 'node:sqlite';
import { ConflictException, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { MultiOutbox } from 'multi-outbox';
import { MULTI_OUTBOX } from './multi-outbox.module.ts';

/** The path of the SQLite database. */
export const SHOP_FILE = Symbol('shop file');

@Injectable()
export class Shop implements OnApplicationShutdown {
  readonly #multiOutbox: MultiOutbox;
  readonly #database: DatabaseSync;

  constructor(@Inject(MULTI_OUTBOX) multiOutbox: MultiOutbox, @Inject(SHOP_FILE) file: string) {
    this.#multiOutbox = multiOutbox;
    this.#database = new DatabaseSync(file);
    // The dispatcher writes to this file too. Without a timeout, BEGIN fails at once while it writes.
    this.#database.exec(
      'PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS Users (Name TEXT PRIMARY KEY)',
    );
  }

  /** Stores the user and the message, or neither. */
  async signUp(name: string): Promise<void> {
    // Nothing is awaited between BEGIN and COMMIT, because all requests share this connection.
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const user = 'INSERT INTO Users (Name) VALUES (?) ON CONFLICT DO NOTHING';
      if (this.#database.prepare(user).run(name).changes === 0) throw new ConflictException();
      this.#database.prepare('INSERT INTO Outbox (Topic, Payload) VALUES (?, ?)').run('welcome', name);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
    await this.#multiOutbox.wake('shop'); // dispatch now, not at the next look
  }

  onApplicationShutdown(): void {
    this.#database.close();
  }
}
