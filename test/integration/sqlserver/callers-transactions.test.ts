/** Q3: `transaction` takes what other libraries give on SQL Server. Needs a server; see test/support/sqlserver.ts. */
import createKnex from 'knex';
import { Kysely, MssqlDialect } from 'kysely';
import mssql from 'mssql';
import { DataTypes, Sequelize } from 'sequelize';
import * as tarn from 'tarn';
import * as tedious from 'tedious';
import { DataSource } from 'typeorm';
import type { SqlTransaction } from '../../../src/engine/callers-transaction.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { message } from '../../conformance/run.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';

interface Library {
  /** The value that people pass by mistake, which has no transaction of its own. */
  readonly root: unknown;
  /** Runs `work` in a transaction: an insert of the library's own, and the transaction to enqueue in. */
  inTransaction(
    work: (insert: (id: string) => Promise<unknown>, tx: unknown) => Promise<void>,
  ): Promise<unknown>;
  close(): Promise<unknown>;
}

const insertInto = 'INSERT INTO dbo.Orders (Id) VALUES';

/** The recipe of docs/transactions.md. */
const transactionOf = (connection: tedious.Connection): SqlTransaction => ({
  query: (sql, parameters) =>
    new Promise((resolve, reject) => {
      const rows: Record<string, unknown>[] = [];
      const request = new tedious.Request(sql, (error) => (error ? reject(error) : resolve(rows)));
      for (const [index, value] of parameters.entries())
        request.addParameter(`p${index + 1}`, tedious.TYPES.NVarChar, value);
      request.on('row', (columns: { metadata: { colName: string }; value: unknown }[]) =>
        rows.push(Object.fromEntries(columns.map(({ metadata, value }) => [metadata.colName, value]))),
      );
      connection.execSql(request);
    }),
});

const tediousConnection = ({ server, port, user, password, database, options }: mssql.config) =>
  new tedious.Connection({
    server,
    authentication: { type: 'default', options: { userName: user!, password: password! } },
    options: { ...options, port: port!, database: database!, rowCollectionOnRequestCompletion: false },
  } as never);

const libraries: Readonly<Record<string, (config: mssql.config) => Promise<Library>>> = {
  async knex({ server: host, port, user, password, database, options }) {
    const knex = createKnex({
      client: 'mssql',
      connection: { server: host, port, user, password, database, options } as never,
      pool: { min: 0, max: 2 },
    });
    return {
      root: knex,
      inTransaction: (work) =>
        knex.transaction((trx) => work(async (Id) => trx('dbo.Orders').insert({ Id }), trx)),
      close: () => knex.destroy(),
    };
  },
  async typeorm({ server: host, port, user: username, password, database, options }) {
    const source = new DataSource({
      type: 'mssql',
      ...{ host, port, username, password, database },
      options: { encrypt: options?.encrypt ?? false, trustServerCertificate: true },
    } as never);
    await source.initialize();
    return {
      root: source,
      inTransaction: (work) =>
        source.transaction((manager) => work((id) => manager.query(`${insertInto} (@0)`, [id]), manager)),
      close: () => source.destroy(),
    };
  },
  async kysely(config) {
    const db = new Kysely<{ 'dbo.Orders': { Id: string } }>({
      dialect: new MssqlDialect({
        tarn: { ...tarn, options: { min: 0, max: 2 } },
        tedious: { ...tedious, connectionFactory: () => tediousConnection(config) },
      } as never),
    });
    return {
      root: db,
      inTransaction: (work) =>
        db
          .transaction()
          .execute((trx) => work((Id) => trx.insertInto('dbo.Orders').values({ Id }).execute(), trx)),
      close: () => db.destroy(),
    };
  },
  async sequelize({ server: host, port, user: username, password, database, options }) {
    const sequelize = new Sequelize({
      dialect: 'mssql',
      ...{ host, port, username, password, database },
      dialectOptions: { options: { encrypt: options?.encrypt ?? false, trustServerCertificate: true } },
      pool: { min: 0, max: 2 },
      logging: false,
    } as never);
    const Order = sequelize.define(
      'Order',
      { Id: { type: DataTypes.STRING(50), primaryKey: true } },
      { tableName: 'Orders', schema: 'dbo', timestamps: false },
    );
    return {
      root: sequelize,
      inTransaction: (work) =>
        sequelize.transaction((transaction) =>
          work((Id) => Order.create({ Id }, { transaction }), transaction),
        ),
      close: () => sequelize.close(),
    };
  },
  async tedious(config) {
    const connection = tediousConnection(config);
    const done = (call: (callback: (error?: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
    await done((callback) => connection.connect(callback));
    const transaction = transactionOf(connection);
    return {
      root: transaction,
      async inTransaction(work) {
        await done((callback) => connection.beginTransaction(callback));
        try {
          await work(async (id) => transaction.query(`${insertInto} (@p1)`, [id]), transaction);
        } catch (error) {
          await done((callback) => connection.rollbackTransaction(callback));
          throw error;
        }
        await done((callback) => connection.commitTransaction(callback));
      },
      close: async () => connection.close(),
    };
  },
};

describeOnServer(`callers’ transactions of other libraries (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let engine: Engine;
  let queue: WorkQueue;
  let elsewhere: WorkQueue;
  let config: mssql.config;

  beforeAll(async () => {
    const [name, other] = [await databases.take('tenant'), await databases.take('tenant')];
    await databases.batch(name, 'CREATE TABLE dbo.Orders (Id nvarchar(50) NOT NULL)');
    engine = createSqlServerEngine({ env: { [tenantsSetting]: databases.connectionString } });
    queue = engine.openTenant(tenantAddress(name, 'acme')).queue('outbox');
    elsewhere = engine.openTenant(tenantAddress(other, 'birch')).queue('outbox');
    config = {
      ...mssql.ConnectionPool.parseConnectionString(databases.connectionString),
      database: name,
    } as mssql.config;
  }, 240_000);
  afterAll(async () => {
    await engine?.close();
    await databases.dispose();
  }, 120_000);

  const orders = async () => {
    const pool = await databases.pool(config.database!);
    return (await pool.request().query('SELECT Id FROM dbo.Orders ORDER BY Id')).recordset.map(
      ({ Id }) => Id,
    );
  };

  test.each(Object.keys(libraries))(
    'Q3: %s: committed together, rolled back together, misuse refused',
    async (name) => {
      const library = await libraries[name]!(config);
      try {
        const before = await queue.statistics();
        const letter = message(`an apostrophe ' and ${'€'.repeat(5_000)}`, { dedupKey: name, dueInMs: 5 });
        await library
          .inTransaction(async (insert, transaction) => {
            await insert(name);
            await expect(elsewhere.enqueue([message('x')], transaction)).rejects.toMatchObject({
              code: 'WRONG_DATABASE',
            });
          })
          .catch(() => {}); // Some servers have ended it with the error.
        let ended: unknown;
        await library.inTransaction(async (insert, transaction) => {
          ended = transaction;
          await insert(`${name} committed`);
          await Promise.all([
            queue.enqueue([letter], transaction),
            queue.enqueue([message('b'), message('c', { headers: { a: '?' } })], transaction),
          ]);
          await expect(queue.enqueue([message('again', { dedupKey: name })], transaction)).resolves.toEqual([
            { status: 'duplicate', messageId: letter.messageId },
          ]);
        });
        expect(await queue.get(letter.messageId)).toMatchObject({ payload: letter.payload });
        await expect(
          library.inTransaction(async (insert, transaction) => {
            await insert(`${name} undone`);
            await queue.enqueue([message('undone')], transaction);
            throw new Error('changed my mind');
          }),
        ).rejects.toThrow('changed my mind');
        await expect(queue.enqueue([message('stray')], library.root)).rejects.toMatchObject({
          code: 'TRANSACTION_NOT_OPEN',
        });
        await expect(queue.enqueue([message('stray')], ended)).rejects.toMatchObject({
          // Kysely does not tell that a transaction has ended, but refuses to use it.
          code: name === 'kysely' ? 'DATABASE_ERROR' : 'TRANSACTION_NOT_OPEN',
        });
        expect((await queue.statistics()).ready).toBe(before.ready + 3);
        expect(await orders()).toContain(`${name} committed`);
        expect(await orders()).not.toContain(`${name} undone`);
        expect(await elsewhere.statistics()).toMatchObject({ ready: 0 });
      } finally {
        await library.close();
      }
    },
    240_000,
  );
});
