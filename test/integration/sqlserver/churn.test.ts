/**
 * F2 on a server: a tenant that moves to another server, or whose credentials are changed, while a run of it is in
 * flight. Needs a server; see test/support/sqlserver.ts.
 */
import { randomBytes } from 'node:crypto';
import mssql from 'mssql';
import { createMultiOutbox, type TenantInput } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { noting } from '../../support/fleet-place.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, without } from '../../support/sqlserver-databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

describeOnServer(`churn of SQL Server tenants in flight (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const logins: string[] = [];
  const settings: string[] = [];
  let registry = '';
  let first = '';
  let second = '';

  beforeAll(async () => {
    registry = await databases.take('registry');
    first = await databases.take('tenant');
    second = await databases.take('tenant');
  }, 120_000);

  afterAll(async () => {
    for (const name of settings) delete process.env[name];
    await databases.dispose();
    const master = new TestDatabases(serverConnectionString);
    for (const login of logins) await master.batch('master', `DROP LOGIN [${login}]`);
    await master.dispose();
  }, 120_000);

  /** Puts a connection string into an app setting. */
  function appSetting(connectionString: string) {
    const name = `MO_TEST_${randomBytes(6).toString('hex')}`;
    settings.push(name);
    process.env[name] = connectionString;
    return { kind: 'setting', name } as const;
  }

  /** A login that may dispatch in the databases, as a connection string. */
  async function dispatcher(...of: string[]): Promise<{ login: string; connectionString: string }> {
    const login = `mo_test_${randomBytes(6).toString('hex')}`;
    const password = `P1_${randomBytes(12).toString('hex')}`;
    await databases.batch('master', `CREATE LOGIN [${login}] WITH PASSWORD = '${password}'`);
    logins.push(login);
    for (const database of of) {
      await databases.batch(
        database,
        `CREATE USER [${login}] FOR LOGIN [${login}]`,
        `ALTER ROLE [messaging_dispatcher] ADD MEMBER [${login}]`,
      );
    }
    const others = without(databases.connectionString, /^(user id|uid|password|pwd)$/i);
    return { login, connectionString: `${others};User Id=${login};Password=${password}` };
  }

  const waiting = async (database: string) => {
    const { recordset } = await new mssql.Request(await databases.pool(database)).query(
      'SELECT COUNT(*) AS n FROM messaging.Outbox WHERE Status < 2',
    );
    return recordset[0].n as number;
  };

  /** Changes tenant 'a' in the midst of a run; the change says where the message after it is expected. */
  async function changeInFlight(before: TenantInput, after: TenantInput, changed: () => Promise<void>) {
    const started = deferred();
    const gate = deferred();
    const { seen, handlers } = noting(async ({ payload }) => {
      if (payload !== 'in flight') return;
      started.resolve();
      await gate.promise;
    });
    await using host = createMultiOutbox({
      registry: databases.registryUrl(registry),
      handlers,
      plan: { intervalMs: 50 },
      directory: { refreshMs: 50 },
      schedule: { idleFloorMs: 100, idleCeilingMs: 500, failureCeilingMs: 500 },
    });
    await using admin = createMultiOutbox({ registry: databases.registryUrl(registry) });
    await admin.tenants.add(before);
    const stop = new AbortController();
    const running = host.run({ signal: stop.signal });
    try {
      await admin.outbox(before.id).enqueue({ topic: 'orders', payload: 'in flight' });
      await started.promise;
      const known = host.outbox(before.id);
      await admin.tenants.change(after);
      await until('the host knows', () => host.outbox(before.id) !== known, 30_000);
      gate.resolve();
      await until('the run has ended', async () => (await waiting(first)) === 0, 30_000);
      await changed();
      await admin.outbox(before.id).enqueue({ topic: 'orders', payload: 'after' });
      await until('the next is served', () => seen.includes(`${before.id}:after`), 30_000);
    } finally {
      gate.resolve();
      stop.abort();
      await running;
      await admin.tenants.remove(before.id);
    }
    expect(seen).toEqual([`${before.id}:in flight`, `${before.id}:after`]);
  }

  test('F2: new credentials: the run ends with the old ones, and the next run uses only the new', async () => {
    const [old, next] = [await dispatcher(first), await dispatcher(first)];
    await changeInFlight(
      { id: 'rotated', database: first, auth: appSetting(old.connectionString) },
      { id: 'rotated', database: first, auth: appSetting(next.connectionString) },
      () => databases.batch(first, `DROP USER [${old.login}]`),
    );
    expect(await waiting(first)).toBe(0);
  }, 120_000);

  test('F2: another server: the run ends where it began, the next one is on the new server', async () => {
    const { server, port = 1433 } = mssql.ConnectionPool.parseConnectionString(databases.connectionString);
    // Another address of the same server; the engine cannot know that it is the same.
    const elsewhere = await TcpProxy.start({ host: server, port });
    try {
      const address = without(
        databases.connectionString,
        /^(server|data source|address|addr|network address)$/i,
      );
      await changeInFlight(
        { id: 'moved', database: first, auth: appSetting(databases.connectionString) },
        { id: 'moved', database: second, auth: appSetting(`Server=127.0.0.1,${elsewhere.port};${address}`) },
        async () => {},
      );
      expect([await waiting(first), await waiting(second)]).toEqual([0, 0]);
      const { recordset } = await new mssql.Request(await databases.pool(second)).query(
        'SELECT Payload FROM messaging.Outbox',
      );
      expect(recordset).toEqual([{ Payload: 'after' }]);
    } finally {
      await elsewhere.close();
    }
  }, 120_000);
});
