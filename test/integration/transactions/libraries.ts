/** How an application works with each library on SQLite: its own insert into Orders, in the library's transaction. */
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@libsql/client';
import { EntitySchema as MikroEntity } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sqlite';
import BetterSqlite from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/libsql';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import createKnex from 'knex';
import { Kysely, SqliteDialect } from 'kysely';
import Libsql from 'libsql';
import { DataSource, EntitySchema } from 'typeorm';
import type { SqlRow, SqlTransaction } from '../../../src/engine/callers-transaction.ts';

export interface Library {
  /** The value that people pass by mistake, which has no transaction of its own. */
  readonly root: unknown;
  /** Inserts an order in a transaction, then runs `work` in it. Commits, or rolls back when `work` throws. */
  inTransaction(order: string, work: (transaction: unknown) => Promise<void>): Promise<void>;
  close(): unknown;
}

type Open = (file: string) => Library | Promise<Library>;

interface Connection {
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: unknown[]): unknown };
  close(): unknown;
}

function connected(db: Connection): Library {
  return {
    root: db,
    async inTransaction(order, work) {
      db.exec('BEGIN IMMEDIATE');
      try {
        db.prepare('INSERT INTO Orders (Id) VALUES (?)').run(order);
        await work(db);
      } catch (error) {
        db.exec('ROLLBACK');
        throw error;
      }
      db.exec('COMMIT');
    },
    close: () => db.close(),
  };
}

const orders = sqliteTable('Orders', { Id: text('Id').primaryKey() });

export const libraries: Readonly<Record<string, Open>> = {
  'node:sqlite': (file) => connected(new DatabaseSync(file)),
  'better-sqlite3': (file) => connected(new BetterSqlite(file)),
  libsql: (file) => connected(new Libsql(file)),
  '@libsql/client': (file) => {
    const client = createClient({ url: `file:${file}` });
    return {
      root: client,
      async inTransaction(order, work) {
        const transaction = await client.transaction('write');
        try {
          await transaction.execute({ sql: 'INSERT INTO Orders (Id) VALUES (?)', args: [order] });
          await work(transaction);
          await transaction.commit();
        } finally {
          transaction.close();
        }
      },
      close: () => client.close(),
    };
  },
  knex: (filename) => {
    const knex = createKnex({ client: 'better-sqlite3', connection: { filename }, useNullAsDefault: true });
    return {
      root: knex,
      inTransaction: (order, work) =>
        knex.transaction(async (trx) => {
          await trx('Orders').insert({ Id: order });
          await work(trx);
        }),
      close: () => knex.destroy(),
    };
  },
  kysely: (file) => {
    const dialect = new SqliteDialect({ database: new BetterSqlite(file) });
    const db = new Kysely<{ Orders: { Id: string } }>({ dialect });
    return {
      root: db,
      inTransaction: (order, work) =>
        db.transaction().execute(async (trx) => {
          await trx.insertInto('Orders').values({ Id: order }).execute();
          await work(trx);
        }),
      close: () => db.destroy(),
    };
  },
  typeorm: async (database) => {
    const columns = { Id: { type: 'text', primary: true } } as const;
    const Order = new EntitySchema<{ Id: string }>({ name: 'Orders', columns });
    const source = new DataSource({ type: 'better-sqlite3', database, entities: [Order] });
    await source.initialize();
    return {
      root: source,
      inTransaction: (order, work) =>
        source.transaction(async (manager) => {
          await manager.insert(Order, { Id: order });
          await work(manager);
        }),
      close: () => source.destroy(),
    };
  },
  'typeorm, a query runner': async (database) => {
    const source = new DataSource({ type: 'better-sqlite3', database });
    await source.initialize();
    return {
      root: source.manager,
      async inTransaction(order, work) {
        const runner = source.createQueryRunner();
        await runner.startTransaction();
        try {
          await runner.query('INSERT INTO Orders (Id) VALUES (?)', [order]);
          await work(runner);
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        }
        await runner.commitTransaction();
      },
      close: () => source.destroy(),
    };
  },
  'mikro-orm, begin and commit': async (dbName) => {
    const orm = await MikroORM.init({ dbName, entities: [], discovery: { warnWhenNoEntities: false } });
    const em = orm.em.fork();
    return {
      root: orm.em.fork(),
      async inTransaction(order, work) {
        await em.begin();
        try {
          await em.execute('INSERT INTO Orders (Id) VALUES (?)', [order]);
          await work(em);
        } catch (error) {
          await em.rollback();
          throw error;
        }
        await em.commit();
      },
      close: () => orm.close(),
    };
  },
  'mikro-orm': async (dbName) => {
    const properties = { Id: { type: 'string', primary: true, fieldName: 'Id' } } as const;
    const Order = new MikroEntity<{ Id: string }>({ name: 'Orders', tableName: 'Orders', properties });
    const orm = await MikroORM.init({ dbName, entities: [Order] });
    return {
      root: orm.em.fork(),
      inTransaction: (order, work) =>
        orm.em.fork().transactional(async (em) => {
          await em.insert(Order, { Id: order });
          await work(em);
        }),
      close: () => orm.close(),
    };
  },
  'any driver, with an id': (file) => {
    const db = new DatabaseSync(file);
    let begun = 0;
    const transaction: SqlTransaction = {
      query: async (sql, parameters) => db.prepare(sql).all(...parameters) as SqlRow[],
      id: () => (db.isOpen && db.isTransaction ? begun : undefined),
    };
    const connection = connected(db);
    return {
      root: transaction,
      inTransaction(order, work) {
        begun++;
        return connection.inTransaction(order, () => work(transaction));
      },
      close: () => db.close(),
    };
  },
  'drizzle on @libsql/client': (file) => {
    const client = createClient({ url: `file:${file}` });
    const db = drizzle(client);
    return {
      root: db,
      inTransaction: (order, work) =>
        db.transaction(async (tx) => {
          await tx.insert(orders).values({ Id: order });
          await work(tx);
        }),
      close: () => client.close(),
    };
  },
};
