import { writeFileSync } from 'node:fs';
import type { Engine, TenantAddress } from '../../../../src/engine/engine.ts';
import { migrateFleet, type TenantMigration } from '../../../../src/fleet/operations/migrate.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { countOpen } from '../../../support/count-open.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

async function fleetOf(...ids: string[]) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return { engine, registry };
}

const came = (migrations: readonly TenantMigration[]) =>
  migrations.map(({ tenantId, result, error, version }) => [
    tenantId,
    error?.code ?? (result ? result.steps.length > 0 : 'left alone'),
    version,
  ]);

test('D8: a failed migration is reported with its error, and the others are migrated', async () => {
  const { engine, registry } = await fleetOf('a', 'b', 'c');
  await place.tenant('a', engine);
  writeFileSync(place.file('tenants/b.db'), 'no database at all, and longer than a header '.repeat(40));
  const told: unknown[] = [];
  const migrations = await migrateFleet(engine, registry, {
    parallel: 1,
    onTenant: ({ tenantId }, done, of) => told.push([tenantId, done, of]),
  });
  const { latest } = registry.schema;
  const tenantLatest = engine.openTenant(tenantDefinition({ id: 'a' })).schema.latest;
  expect(came(migrations)).toEqual([
    [null, false, latest],
    ['a', false, tenantLatest],
    ['b', expect.any(String), null],
    ['c', true, tenantLatest],
  ]);
  expect(told).toEqual([
    [null, 1, 4],
    ['a', 2, 4],
    ['b', 3, 4],
    ['c', 4, 4],
  ]);
  expect((await registry.list()).map(({ schemaVersion }) => schemaVersion)).toEqual([
    tenantLatest,
    null,
    tenantLatest,
  ]);
});

test('resume skips exactly the tenants that are up to date in the registry', async () => {
  const { engine, registry } = await fleetOf('a', 'b');
  await migrateFleet(engine, registry, { tenants: ['a'] });
  const version = (await registry.get('a'))!.schemaVersion;
  expect(came(await migrateFleet(engine, registry, { resume: true })).slice(1)).toEqual([
    ['a', 'left alone', version],
    ['b', true, version],
  ]);
  expect(came(await migrateFleet(engine, registry, {})).slice(1)).toEqual([
    ['a', false, version],
    ['b', false, version],
  ]);
});

test('a dry run returns the steps, changes no database or registry, and does not read the directory', async () => {
  const { engine, registry } = await fleetOf('a');
  const list = jest.fn(async () => {});
  expect(came(await migrateFleet(engine, registry, { dryRun: true }, list)).slice(1)).toEqual([
    ['a', true, 0],
  ]);
  expect((await registry.get('a'))!.schemaVersion).toBeNull();
  expect(await engine.openTenant(tenantDefinition({ id: 'a' })).schema.version()).toBe(0);
  expect(list).not.toHaveBeenCalled();
  await migrateFleet(engine, registry, {}, list);
  expect(list).toHaveBeenCalledTimes(1);
});

test('if the registry cannot be migrated, neither the directory nor a tenant is read', async () => {
  writeFileSync(place.file('registry.db'), 'no database at all, and longer than a header '.repeat(40));
  const engine = place.engine();
  const list = jest.fn(async () => {});
  expect(await migrateFleet(engine, engine.openRegistry(), {}, list)).toMatchObject([
    { tenantId: null, error: {} },
  ]);
  expect(list).not.toHaveBeenCalled();
});

test('F8: each tenant’s database is closed once it is migrated', async () => {
  const { engine, registry } = await fleetOf('a', 'b');
  const open = new Set<string>();
  const watched: Engine = Object.assign(Object.create(engine), {
    openTenant(address: TenantAddress) {
      const database = engine.openTenant(address);
      open.add(address.id);
      const close = async () => {
        open.delete(address.id);
        await database.close();
      };
      return Object.assign(Object.create(database), { schema: database.schema, close });
    },
  });
  const migrations = await migrateFleet(watched, registry, {});
  expect(migrations.map(({ tenantId, error }) => [tenantId, error])).toEqual([
    [null, undefined],
    ['a', undefined],
    ['b', undefined],
  ]);
  expect(open).toEqual(new Set());
});

test('F8: four tenants are migrated at once unless the caller says otherwise', async () => {
  const { engine, registry } = await fleetOf('a', 'b', 'c', 'd', 'e', 'f');
  for (const [options, most] of [
    [{}, 4],
    [{ parallel: 2 }, 2],
  ] as const) {
    const counted = countOpen(engine);
    expect(await migrateFleet(counted.engine, registry, options)).toHaveLength(7);
    expect(counted.most()).toBe(most);
  }
});

test('a version that the registry knows already is not written to it again', async () => {
  const { engine, registry } = await fleetOf('a');
  const record = jest.spyOn(registry, 'recordSchema');
  await migrateFleet(engine, registry, {});
  expect(record.mock.calls).toEqual([['a', (await registry.get('a'))!.schemaVersion]]);
  await migrateFleet(engine, registry, {});
  await migrateFleet(engine, registry, { resume: true });
  expect(record).toHaveBeenCalledTimes(1);
});

test('a registry that does not take the version makes no tenant fail', async () => {
  const { engine, registry } = await fleetOf('a');
  jest.spyOn(registry, 'recordSchema').mockRejectedValue(new Error('the registry is away'));
  const [, migration] = await migrateFleet(engine, registry, {});
  expect(migration).toMatchObject({ tenantId: 'a', result: { from: 0 } });
  expect(migration).not.toHaveProperty('error');
});

test('a dry run of a registry without its schema lists no tenants', async () => {
  const engine = place.engine();
  const migrations = await migrateFleet(engine, engine.openRegistry(), { dryRun: true });
  expect(came(migrations)).toEqual([[null, true, 0]]);
});

test('retired tenants are skipped unless named; an unknown tenant is refused', async () => {
  const { engine, registry } = await fleetOf('a', 'b');
  await registry.setStatus('b', 'retired');
  const ids = (migrations: TenantMigration[]) => migrations.map(({ tenantId }) => tenantId);
  expect(ids(await migrateFleet(engine, registry, {}))).toEqual([null, 'a']);
  expect(ids(await migrateFleet(engine, registry, { tenants: ['b'] }))).toEqual([null, 'b']);
  await expect(migrateFleet(engine, registry, { tenants: ['x'] })).rejects.toMatchObject({
    code: 'UNKNOWN_TENANT',
  });
});
