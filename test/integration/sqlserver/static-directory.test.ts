/** F2: tenants on a server, listed in the code. Needs a server; see test/support/sqlserver.ts. */
import { createMultiOutbox } from '../../../src/index.ts';
import { noting } from '../../support/fleet-place.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, tenantsSetting } from '../../support/sqlserver-databases.ts';

describeOnServer(`a static directory of SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  afterAll(() => databases.dispose(), 60_000);

  test('F1, F2: migrated, planned and dispatched without a registry; the same database twice is refused', async () => {
    const { seen, handlers } = noting();
    process.env[tenantsSetting] = databases.connectionString;
    const auth = { kind: 'setting', name: tenantsSetting } as const;
    const tenants = [
      { id: 'acme', database: await databases.create(), auth },
      { id: 'birch', database: await databases.create(), auth },
    ];
    {
      await using face = createMultiOutbox({ tenants, handlers });
      for (const { error } of await face.migrate()) expect(error).toBeUndefined();
      for (const { id } of tenants) await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
      expect((await face.tick()).runs).toMatchObject([{ outcome: 'dispatched' }, { outcome: 'dispatched' }]);
      expect(seen.sort()).toEqual(['acme:x', 'birch:x']);
      expect(await face.status()).toMatchObject({ tenants: { active: 2 }, totals: { done: 2 } });
    }
    await using twice = createMultiOutbox({ tenants: [tenants[0]!, { ...tenants[0]!, id: 'again' }] });
    await expect(twice.plan()).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
  }, 120_000);
});
