/**
 * F8 on a real server: how often the engine logs in, and when its connections end. Needs a server; see
 * test/support/sqlserver-databases.ts.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting, without } from '../../support/sqlserver-databases.ts';
import { until } from '../../support/until.ts';

const created = 'mssql:connection:create';
const destroyed = 'mssql:connection:destroy';

describeOnServer(`pools of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const counts = { logins: 0, open: 0 };
  const onCreate = () => {
    counts.logins++;
    counts.open++;
  };
  const onDestroy = () => {
    counts.open--;
  };
  const names: string[] = [];

  const engineWith = (pools: object, connectionString = databases.connectionString) =>
    createSqlServerEngine({
      registry: databases.registryUrl('master'),
      env: { [tenantsSetting]: connectionString },
      pools,
    });

  beforeAll(async () => {
    for (let index = 0; index < 3; index++) names.push(await databases.create());
    subscribe(created, onCreate);
    subscribe(destroyed, onDestroy);
  }, 60_000);

  beforeEach(async () => {
    await until('the connections of the test before are gone', async () => counts.open === 0);
    counts.logins = 0;
  });

  afterAll(async () => {
    unsubscribe(created, onCreate);
    unsubscribe(destroyed, onDestroy);
    await databases.dispose();
  }, 60_000);

  test('F6, F8: opening a tenant logs in nowhere, its first call once, its second not at all', async () => {
    const engine = engineWith({});
    const { schema } = engine.openTenant(tenantAddress(names[0]!));
    expect(counts.logins).toBe(0);
    await schema.version();
    expect(counts.logins).toBe(1);
    await schema.version();
    expect(counts.logins).toBe(1);
    await engine.close();
    await until('its connection is closed', async () => counts.open === 0);
  }, 60_000);

  test('F8: many calls at once use at most the pool’s connections', async () => {
    const engine = engineWith({ size: 2 });
    const { schema } = engine.openTenant(tenantAddress(names[0]!));
    await Promise.all(Array.from({ length: 8 }, () => schema.version()));
    expect(counts.logins).toBeLessThanOrEqual(2);
    await engine.close();
  }, 60_000);

  test('F8: past the cap the least recently used pool is closed', async () => {
    const engine = engineWith({ maxOpen: 2 });
    const schemas = names.map((name) => engine.openTenant(tenantAddress(name)).schema);
    for (const schema of schemas) await schema.version();
    await until('one of three is closed', async () => counts.open === 2);
    await schemas[2]!.version();
    expect(counts.logins).toBe(3);
    await schemas[0]!.version();
    expect(counts.logins).toBe(4);
    await engine.close();
  }, 60_000);

  test('F8: an idle pool is closed, and opened again when it is needed', async () => {
    const engine = engineWith({ idleCloseMs: 50 });
    const { schema } = engine.openTenant(tenantAddress(names[0]!));
    await schema.version();
    await until('the idle pool is closed', async () => counts.open === 0);
    await schema.version();
    expect(counts.logins).toBe(2);
    await engine.close();
  }, 60_000);

  test('F8: a pool closes with the last handle of its tenant', async () => {
    const engine = engineWith({});
    const [first, second] = [
      engine.openTenant(tenantAddress(names[0]!)),
      engine.openTenant(tenantAddress(names[0]!)),
    ];
    await first.schema.version();
    await second.schema.version();
    await first.close();
    await second.schema.version();
    expect(counts.logins).toBe(1);
    await second.close();
    await until('its connection is closed', async () => counts.open === 0);
    await engine.close();
  }, 60_000);

  test('D8: a refused login and a missing database are reported as such', async () => {
    const wrong = `${without(databases.connectionString, /^(password|pwd)$/i)};Password=wrong`;
    const refusing = engineWith({}, wrong);
    const refusal = { code: 'LOGIN_REFUSED', tenantId: names[0] };
    await expect(refusing.openTenant(tenantAddress(names[0]!)).schema.version()).rejects.toMatchObject(
      refusal,
    );
    await refusing.close();
    const engine = engineWith({});
    await expect(engine.openTenant(tenantAddress('mo_test_missing')).schema.version()).rejects.toMatchObject({
      code: expect.stringMatching(/^(LOGIN_REFUSED|DATABASE_MISSING)$/),
      tenantId: 'mo_test_missing',
    });
    await engine.close();
  }, 60_000);

  test('D8: a missing server is unreachable, and calls may be retried', async () => {
    const engine = createSqlServerEngine({
      registry: 'mssql:Server=127.0.0.1,1;Database=d;User Id=u;Password=p;Encrypt=false',
      connectTimeoutMs: 2_000,
    });
    await expect(engine.openRegistry().schema.version()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      transient: true,
    });
    await engine.close();
  }, 60_000);
});
