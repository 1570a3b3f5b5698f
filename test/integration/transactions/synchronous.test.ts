/**
 * Q3: synchronous transactions, in which nothing can be awaited. They run the statement of `enqueueStatement`; an `enqueue` in them is
 * refused, because they have ended before it could store anything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { createMultiOutbox, type EnqueueStatement, type MultiOutbox } from '../../../src/index.ts';

interface Library {
  /** The value that people pass by mistake, which has no transaction of its own. */
  readonly root: unknown;
  /** Inserts an order in a transaction, then runs `work` in it. Commits, or rolls back when `work` throws. */
  inTransaction(order: string, work: (transaction: unknown) => void): void;
}

const orders = sqliteTable('Orders', { Id: text('Id').primaryKey() });

const libraries: Readonly<Record<string, (db: BetterSqlite.Database) => Library>> = {
  'better-sqlite3': (db) => ({
    root: db,
    inTransaction: (order, work) =>
      db.transaction(() => {
        db.prepare('INSERT INTO Orders (Id) VALUES (?)').run(order);
        work(db);
      })(),
  }),
  'drizzle on better-sqlite3': (client) => {
    const db = drizzle(client);
    return {
      root: db,
      inTransaction: (order, work) =>
        db.transaction((tx) => {
          tx.insert(orders).values({ Id: order }).run();
          work(tx);
        }),
    };
  },
};

describe.each(Object.keys(libraries))('%s', (name) => {
  let folder: string;
  let multiOutbox: MultiOutbox;
  let db: BetterSqlite.Database;
  let library: Library;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-synchronous-'));
    const database = path.join(folder, 'shop.db');
    multiOutbox = createMultiOutbox({
      tenants: [{ id: 'shop', database }],
      telemetry: { logToConsole: false },
    });
    await multiOutbox.migrate();
    db = new BetterSqlite(database);
    db.exec('CREATE TABLE Orders (Id TEXT PRIMARY KEY)');
    library = libraries[name]!(db);
  });
  afterEach(async () => {
    db.close();
    await multiOutbox.close();
    rmSync(folder, { recursive: true });
  });

  const message = (payload: string) => ({ topic: 't', payload, dedupKey: payload });
  const outbox = () => multiOutbox.outbox('shop');
  const run = ({ sql, parameters }: EnqueueStatement) => db.prepare(sql).run(...parameters);
  const stored = () => ({
    orders: db.prepare('SELECT Id FROM Orders ORDER BY Id').pluck().all(),
    messages: db.prepare('SELECT Payload FROM Outbox ORDER BY Sequence').pluck().all(),
  });

  test('Q3: a statement is committed with the transaction, a duplicate once, and rolled back with it', async () => {
    const [a, again, b] = await Promise.all(
      ['a', 'a', 'b'].map((payload) => outbox().enqueueStatement(message(payload))),
    );
    library.inTransaction('committed', () => {
      run(a!);
      run(again!);
    });
    const undone = () =>
      library.inTransaction('undone', () => {
        run(b!);
        throw new Error('changed my mind');
      });
    expect(undone).toThrow('changed my mind');
    expect(stored()).toEqual({ orders: ['committed'], messages: ['a'] });
    // The key of the message that was rolled back is not taken.
    library.inTransaction('once more', () => run(b!));
    expect(stored()).toEqual({ orders: ['committed', 'once more'], messages: ['a', 'b'] });
  });

  test('Q3: misuse is refused and stores nothing: enqueue within it, whichever way it ends, and no transaction', async () => {
    const enqueued: Promise<unknown>[] = [];
    const enqueue = (transaction: unknown) => {
      const result = outbox().enqueue(message('stray'), { transaction });
      result.catch(() => {});
      enqueued.push(result);
    };
    library.inTransaction('committed', enqueue);
    const undone = () =>
      library.inTransaction('undone', (transaction) => {
        enqueue(transaction);
        throw new Error('changed my mind');
      });
    expect(undone).toThrow('changed my mind');
    enqueue(library.root);
    expect(enqueued).toHaveLength(3);
    for (const result of enqueued)
      await expect(result).rejects.toMatchObject({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'shop' });
    expect(stored()).toEqual({ orders: ['committed'], messages: [] });
  });
});
