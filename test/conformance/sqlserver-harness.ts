/** The SQL Server engine in the conformance suite; test/support/sqlserver.ts names the server. */
import path from 'node:path';
import * as mssql from 'mssql';
import type { Engine, TenantAddress } from '../../src/engine/engine.ts';
import { messageLimits } from '../../src/engine/message.ts';
import { parseConnectionString } from '../../src/engine/sqlserver/connection-string.ts';
import { createSqlServerEngine, type SqlServerEngineOptions } from '../../src/engine/sqlserver/index.ts';
import { parseServer } from '../../src/engine/sqlserver/server-name.ts';
import { serverConnectionString, serverVariable } from '../support/sqlserver.ts';
import { backUpTables } from '../support/sqlserver-backup.ts';
import { TestDatabases, tenantAddress, tenantsSetting } from '../support/sqlserver-databases.ts';
import { moveTimes } from '../support/sqlserver-times.ts';
import { copiesOfTenant } from './copies-of-tenant.ts';
import type { EngineHarness, Freshness, OddRow, Stage } from './harness.ts';

/** The types of the columns refuse most others. */
const oddRows: Record<string, OddRow> = {
  'headers in a list': { columns: { Headers: `N'["a"]'` }, reason: /Headers is JSON, but not an object/ },
};

export function sqlServerHarness(): EngineHarness {
  const databases = new TestDatabases(serverConnectionString);
  /** The last stage removes the databases. */
  let stages = 0;
  // The server decides how many bytes a character takes: two for each UTF-16 unit, or those of UTF-8. This asks it
  // once.
  let storesUtf16: boolean | undefined;
  let showsUncommitted: boolean | undefined;
  return {
    name: 'sqlserver',
    ...(serverConnectionString === '' && { unavailable: `${serverVariable} is not set` }),
    promises: {
      producersNeverBlockClaims: true,
      get waitsForOpenTransactions() {
        if (showsUncommitted === undefined) throw new Error('no stage has been created yet');
        return showsUncommitted;
      },
    },
    oddRows,
    tooLargePayload: `REPLICATE(CAST(N'x' AS nvarchar(max)), ${messageLimits.contentBytes + 1})`,
    lastDayUtc: `'9999-12-31'`,
    storedBytes: (payload) => Buffer.byteLength(payload, storesUtf16 ? 'utf16le' : 'utf8'),
    create: async (registry) => {
      storesUtf16 ??= await asksForUtf16(databases);
      showsUncommitted ??= await asksForUncommitted(databases);
      stages++;
      return createStage(databases, registry, async () => {
        stages--;
        if (stages === 0) await databases.dispose();
      });
    },
  };
}

async function asksForUtf16(databases: TestDatabases): Promise<boolean> {
  const request = new mssql.Request(await databases.pool('master'));
  const { recordset } = await request.query(`SELECT DATALENGTH(N'xx') AS Bytes`);
  return Number(recordset[0]!.Bytes) === 4;
}

/** Whether READUNCOMMITTED shows a row whose transaction is open. */
async function asksForUncommitted(databases: TestDatabases): Promise<boolean> {
  const name = await databases.create();
  await databases.batch(name, 'CREATE TABLE dbo.Probe (Id int NOT NULL PRIMARY KEY)');
  const pool = await databases.pool(name);
  const transaction = new mssql.Transaction(pool);
  await transaction.begin();
  await transaction.request().query('INSERT dbo.Probe (Id) VALUES (1)');
  const { recordset } = await pool
    .request()
    .query('SELECT Id FROM dbo.Probe WITH (FORCESEEK, READUNCOMMITTED) WHERE Id = 1');
  await transaction.rollback();
  await databases.drop(name);
  return recordset.length === 1;
}

async function createStage(
  databases: TestDatabases,
  freshness: Freshness,
  onDisposed: () => Promise<void>,
): Promise<Stage> {
  const make = (kind: 'registry' | 'tenant', wanted: Freshness) =>
    wanted === 'bare' ? databases.create() : databases.take(kind);
  const { connectionString } = databases;
  const registry = await make('registry', freshness);
  const options: SqlServerEngineOptions = {
    registry: databases.registryUrl(registry),
    env: { [tenantsSetting]: connectionString },
  };
  const engines: Engine[] = [];
  const host = () => {
    const engine = createSqlServerEngine(options);
    engines.push(engine);
    return engine;
  };
  const tenants = new Set<string>();
  const { server } = parseConnectionString(connectionString)!;
  const { host: name, port } = parseServer(server!)!;
  const address = (database: string): TenantAddress => ({ ...tenantAddress(database), server: server! });
  const poolOf = (database: TenantAddress | 'registry') =>
    databases.pool(database === 'registry' ? registry : database.database);
  return {
    engine: host(),
    engineModule: {
      module: path.resolve(__dirname, '../../src/engine/sqlserver/index.ts'),
      create: 'createSqlServerEngine',
      options,
    },
    anotherHost: host,
    newTenant: async (wanted) => {
      const database = await make('tenant', wanted);
      tenants.add(database);
      return address(database);
    },
    removeTenant: async ({ database }) => {
      tenants.delete(database);
      await databases.giveBack(database);
    },
    sameDatabase: (original) => [
      { ...original, server: '' },
      { ...original, server: `tcp:${name.toUpperCase()},${port}` },
      { ...original, database: original.database.toUpperCase() },
    ],
    unfitAddress: { ...address('unfit'), server: '', auth: { kind: 'managed-identity' } },
    withTransaction: async (tenant, work, end) => {
      const transaction = new mssql.Transaction(await databases.pool(tenant.database));
      await transaction.begin();
      const result = await work(transaction).catch(async (error) => {
        await transaction.rollback().catch(() => {});
        throw error;
      });
      await (end === 'commit' ? transaction.commit() : transaction.rollback());
      return result;
    },
    beginAgain: async (transaction) => {
      await (transaction as mssql.Transaction).commit();
      await (transaction as mssql.Transaction).begin();
    },
    asQueries: (transaction) => ({
      query: async (sql, parameters) => {
        const request = (transaction as mssql.Transaction).request();
        for (const [index, value] of parameters.entries()) request.input(`p${index + 1}`, value);
        return (await request.query<Record<string, unknown>>(sql)).recordset ?? [];
      },
    }),
    withoutTransaction: async (tenant, work) =>
      work(new mssql.Transaction(await databases.pool(tenant.database))),
    backUp: async (database) => backUpTables(await poolOf(database)),
    setClockBack: async (database, ms) => moveTimes(await poolOf(database), ms),
    insertRow: async ({ database }, queue, values) => {
      const now = 'SYSUTCDATETIME()';
      const all = { MessageId: 'NEWID()', EnqueuedUtc: now, DueUtc: now, ...values };
      await databases.batch(
        database,
        `INSERT messaging.${queue} (${Object.keys(all).join(', ')}) VALUES (${Object.values(all).join(', ')})`,
      );
    },
    spoilTenant: async (tenantId, values) => {
      const changes = Object.entries(values).map(([column, value]) => `${column} = ${value}`);
      await databases.batch(
        registry,
        `UPDATE messaging.Tenants SET ${changes.join(', ')} WHERE Id = '${tenantId}'`,
      );
    },
    copyTenant: async (id, copies) => {
      await databases.batch(registry, copiesOfTenant(id, copies, 'OPENJSON', 'messaging.'));
    },
    dispose: async () => {
      for (const engine of engines) await engine.close();
      for (const database of [...tenants, registry]) await databases.giveBack(database);
      await onDisposed();
    },
  };
}
