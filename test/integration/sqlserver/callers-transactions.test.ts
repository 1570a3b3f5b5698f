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
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../../support/sqlserver-databases.ts';
import { type Library, neverNext, right, type Scene, tryLibrary, tryNotAwaited } from './try-library.ts';

const insertInto = 'INSERT INTO dbo.Orders (Id) VALUES';

/** The recipe of docs/transactions.md. */
const transactionOf = (connection: tedious.Connection): SqlTransaction => ({
  id: () => connection.transactionDescriptors.at(-1),
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
  /** Begins the same object again and again. */
  async mssql(config) {
    const pool = await new mssql.ConnectionPool({ ...config, pool: { min: 0, max: 2 } }).connect();
    const transaction = new mssql.Transaction(pool);
    return {
      root: pool,
      async inTransaction(work) {
        await transaction.begin();
        const insert = (id: string) => transaction.request().input('p1', id).query(`${insertInto} (@p1)`);
        try {
          await work(insert, transaction);
          await transaction.commit();
        } catch (error) {
          await transaction.rollback();
          throw error;
        }
      },
      close: () => pool.close(),
    };
  },
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
  async 'typeorm, a query runner'({ server: host, port, user: username, password, database, options }) {
    const source = new DataSource({
      type: 'mssql',
      ...{ host, port, username, password, database },
      options: { encrypt: options?.encrypt ?? false, trustServerCertificate: true },
    } as never);
    await source.initialize();
    const runner = source.createQueryRunner();
    return {
      root: runner,
      async inTransaction(work) {
        await runner.startTransaction();
        try {
          await work((id) => runner.query(`${insertInto} (@0)`, [id]), runner);
          await runner.commitTransaction();
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        }
      },
      async close() {
        await runner.release();
        await source.destroy();
      },
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
          await done((callback) => connection.commitTransaction(callback));
        } catch (error) {
          await done((callback) => connection.rollbackTransaction(callback));
          throw error;
        }
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
  let names: [string, string];

  beforeAll(async () => {
    names = [await databases.take('tenant'), await databases.take('tenant')];
    const [name, other] = names;
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

  const scene = (): Scene => ({ queue, elsewhere, orders });
  // Kysely does not tell that a transaction has ended, but refuses to use it.
  const endedCode = (name: string) => (name === 'kysely' ? 'DATABASE_ERROR' : 'TRANSACTION_NOT_OPEN');

  test.each(Object.keys(libraries))(
    'Q3: %s: committed together, rolled back together, misuse refused, and never in the next transaction',
    async (name) => {
      const library = await libraries[name]!(config);
      try {
        expect(await tryLibrary(name, library, scene())).toEqual({ ...right, ended: endedCode(name) });
        expect(await tryNotAwaited(name, library, scene())).toEqual(neverNext(endedCode(name)));
      } finally {
        await library.close();
      }
    },
    240_000,
  );
});
