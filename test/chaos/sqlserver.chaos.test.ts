import { resolve } from 'node:path';
import * as mssql from 'mssql';
import { serverConnectionString, serverVariable } from '../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../support/sqlserver-databases.ts';
import { describeKills } from './describe-kills.ts';
import { until } from './until.ts';

const databases = new TestDatabases(serverConnectionString);
afterAll(() => databases.dispose(), 60_000);

describeKills({
  name: 'SQL Server',
  ...(serverConnectionString === '' && { unavailable: `${serverVariable} is not set` }),
  async create() {
    const { connectionString } = databases;
    process.env[tenantsSetting] = connectionString;
    const registry = await databases.take('registry');
    const tenants = new Map<string, string>();
    return {
      registry: databases.registryUrl(registry),
      // A host's first calls on new connections take long on some servers.
      environment: { [tenantsSetting]: connectionString, MULTI_OUTBOX_LEASE: '2s' },
      patientLease: '5s',
      async tenant(id) {
        const database = await databases.take('tenant');
        tenants.set(id, database);
        return { id, database, auth: { kind: 'setting', name: tenantsSetting } };
      },
      transactions: {
        module: resolve('test/chaos/fixtures/sqlserver-transactions.mjs'),
        options: (tenantId) => ({
          connectionString: `${connectionString};Database=${tenants.get(tenantId)}`,
        }),
      },
      async query(tenantId, sql) {
        const { recordset = [] } = await (await databases.pool(tenants.get(tenantId)!)).query(sql);
        return recordset;
      },
      gone: async (pid) => {
        const master = await databases.pool('master');
        await until(
          `the server has ended the sessions of process ${pid}`,
          async () => {
            const request = new mssql.Request(master).input('pid', pid);
            const { recordset } = await request.query(
              // Some servers keep rows of sessions that have ended, without their ids.
              'SELECT 1 AS Session FROM sys.dm_exec_sessions WHERE host_process_id = @pid AND session_id IS NOT NULL',
            );
            return recordset.length === 0;
          },
          120_000,
        );
      },
      async dispose() {
        for (const database of [registry, ...tenants.values()]) await databases.giveBack(database);
      },
    };
  },
});
