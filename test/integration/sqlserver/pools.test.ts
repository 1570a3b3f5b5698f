/**
 * F8 on a real server: how often the engine logs in, and when its connections end. Needs a server; see
 * test/support/sqlserver-databases.ts.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { inParallel } from '../../../src/fleet/in-parallel.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantAddress, tenantsSetting, without } from '../../support/sqlserver-databases.ts';
import { until } from '../../support/until.ts';

const created = 'mssql:connection:create';
const destroyed = 'mssql:connection:destroy';

describeOnServer(`pools of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const counts = { logins: 0, open: 0 };
  /** The engine's open connections; the tests' own administration uses master. */
  const open = new Set<unknown>();
  const onCreate = (message: unknown) => {
    const { connectionId, database } = message as { connectionId: unknown; database: string };
    if (database === 'master') return;
    open.add(connectionId);
    counts.logins++;
    counts.open = open.size;
  };
  const onDestroy = (message: unknown) => {
    open.delete((message as { connectionId: unknown }).connectionId);
    counts.open = open.size;
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

  test.each([
    ['open databases', { maxOpen: 2 }],
    ['connections to the server', { size: 1, maxConnectionsPerServer: 2 }],
  ])(
    'F8: past the cap on %s a pool is closed, and most of the others stay open',
    async (_what, pools) => {
      const engine = engineWith(pools);
      const schemas = names.map((name) => engine.openTenant(tenantAddress(name)).schema);
      const rounds = 12;
      for (let round = 0; round < rounds; round++) {
        for (const schema of schemas) await schema.version();
        expect(counts.open).toBeLessThanOrEqual(2);
      }
      // With three databases in turn and two open, two logins a round are unavoidable. Closing the least recently used
      // one would cost three.
      expect(counts.logins).toBeLessThan(rounds * 2.5);
      await engine.close();
    },
    60_000,
  );

  test('F8: 60 idle databases of one server cost one login each, and none when they are looked at again', async () => {
    const many: string[] = [];
    for (let index = 0; index < 60; index++) many.push(await databases.create());
    const engine = engineWith({});
    const schemas = many.map((name) => engine.openTenant(tenantAddress(name)).schema);
    const look = () => inParallel(schemas, 8, (schema) => schema.version());
    await look();
    expect(counts.logins).toBe(60);
    await look();
    expect(counts).toEqual({ logins: 60, open: 60 });
    await engine.close();
    // While a server ends 60 sessions, it may neither accept the next test's login nor answer this question in time.
    const isOver = () =>
      databases.sessions().then(
        (sessions) => sessions === 0,
        () => false,
      );
    await until('the server has ended the sessions', isOver, 60_000);
  }, 300_000);

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
