/** A shop with one database. It stores a user and the welcome in one transaction, and dispatches the welcome after the commit. */
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, defineHandler } from 'multi-outbox';

export interface Shop {
  /** Stores the user and the message, or neither. Rejects if the name is taken. */
  signUp(name: string): Promise<void>;
  /** Rejects if the dispatching fails. */
  readonly running: Promise<void>;
  /** Lets running handlers end, returns the other messages, and closes the database. */
  stop(): Promise<void>;
}

/** Greets a user, at least once; if it fails, it is called again later. */
export type Welcome = (name: string) => void | Promise<void>;

/** Dispatches the messages of users who signed up. */
export const welcomeHandler = (welcome: Welcome) =>
  defineHandler({ topic: 'welcome', handle: ({ payload }) => welcome(payload) });

/** @param file the SQLite database, which is made if it is missing */
export async function openShop(file: string, welcome: Welcome): Promise<Shop> {
  const multiOutbox = createMultiOutbox({
    tenants: [{ id: 'shop', database: file }],
    handlers: [welcomeHandler(welcome)],
  });
  await multiOutbox.migrate(); // makes the table Outbox, among others, beside yours
  const database = new DatabaseSync(file);
  // The dispatcher writes to this file too. Without a timeout, BEGIN fails at once while it writes.
  database.exec('PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS Users (Name TEXT PRIMARY KEY)');

  const stopping = new AbortController();
  const running = multiOutbox.run({ signal: stopping.signal });

  return {
    running,
    async signUp(name) {
      // Nothing is awaited between BEGIN and COMMIT, because all requests share this connection.
      database.exec('BEGIN IMMEDIATE');
      try {
        database.prepare('INSERT INTO Users (Name) VALUES (?)').run(name);
        database.prepare('INSERT INTO Outbox (Topic, Payload) VALUES (?, ?)').run('welcome', name);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
      await multiOutbox.wake('shop'); // dispatch now, not at the next look
    },
    async stop() {
      stopping.abort();
      try {
        await running;
      } finally {
        await multiOutbox.close();
        database.close();
      }
    },
  };
}
