import type { TenantRecord } from '../../../../src/engine/registry.ts';
import type { TenantInput } from '../../../../src/fleet/tenants/definition.ts';
import { registeredTenants } from '../../../../src/fleet/tenants/registered-tenants.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

/** The administration of a real registry, and the records that it stores in this process's directory. */
async function scene({ embedded = true } = {}) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  const remembered: TenantRecord[] = [];
  const tenants = registeredTenants(
    { ready: async () => ({ engine, registry }), remember: (tenant) => remembered.push(tenant) },
    embedded,
  );
  return { registry, tenants, remembered };
}

describe("the administration of the registry's tenants (F1, F2)", () => {
  test('F2: each act is stored, and this process knows the new record at once', async () => {
    const { registry, tenants, remembered } = await scene();
    const stored = [
      await tenants.add({ id: 'acme' }),
      await tenants.change({ id: 'acme', priority: 5 }),
      await tenants.pause('acme'),
      await tenants.resume('acme'),
      await tenants.remove('acme'),
    ];
    expect(stored.map(({ priority, status }) => [priority, status])).toEqual([
      [0, 'active'],
      [5, 'active'],
      [5, 'paused'],
      [5, 'active'],
      [5, 'retired'],
    ]);
    expect(remembered).toEqual(stored);
    expect(await registry.get('acme')).toEqual(stored.at(-1));
  });

  test('F2: a tenant that is read is known from then on; a list of tenants is not', async () => {
    const { registry, tenants, remembered } = await scene();
    for (const id of ['acme', 'birch']) await tenants.add({ id });
    remembered.length = 0;
    expect(await tenants.list()).toEqual(await registry.list());
    expect(await tenants.list({ after: 'acme' })).toMatchObject([{ id: 'birch' }]);
    expect(remembered).toEqual([]);
    expect([await tenants.get('birch')]).toEqual(remembered);
    expect(remembered).toEqual([await registry.get('birch')]);
  });

  test('F1: its database is a file where the registry is one, unless its definition says otherwise', async () => {
    const embedded = await scene();
    expect(await embedded.tenants.add({ id: 'acme' })).toMatchObject({ database: 'tenants/acme.db' });
    const onServer = await scene({ embedded: false });
    expect(await onServer.tenants.change({ id: 'acme' })).toMatchObject({ database: 'acme' });
  });

  test('S3: a change that expects a version loses no other change, and one that is made already is no error', async () => {
    const { tenants, remembered } = await scene();
    const { version } = await tenants.add({ id: 'acme' });
    const changed = await tenants.change({ id: 'acme', priority: 5 }, { expectedVersion: version });
    const stale = { id: 'acme', tags: { region: 'eu' } };
    await expect(tenants.change(stale, { expectedVersion: version })).rejects.toMatchObject({
      code: 'TENANT_CHANGED',
      tenantId: 'acme',
    });
    expect(await tenants.get('acme')).toMatchObject({ priority: 5, tags: {} });
    // As an engine that repeats the call, because its answer was lost.
    expect(await tenants.change({ id: 'acme', priority: 5 }, { expectedVersion: version })).toEqual(changed);
    expect(remembered.at(-1)).toEqual(changed);
    for (const wrong of [-1, 0.5, '7', null])
      await expect(tenants.change({ id: 'acme' }, { expectedVersion: wrong as never })).rejects.toMatchObject(
        { code: 'INVALID_ARGUMENT', message: expect.stringContaining('expectedVersion') },
      );
  });

  test('S3: a change to some overrides leaves the rest as it is, also what somebody else changes meanwhile', async () => {
    const { registry, tenants, remembered } = await scene();
    await tenants.add({ id: 'acme', priority: 7, overrides: { batchSize: 50 } });
    const changed = await tenants.changeOverrides('acme', { concurrency: 4, idleCeilingMs: '5m' });
    const stored = { batchSize: 50, concurrency: 4, idleCeilingMs: 300_000 };
    expect(changed).toMatchObject({ changed: true, priority: 7, overrides: stored });
    expect(remembered.at(-1)).toEqual(await registry.get('acme'));

    // Somebody else changes the tenant between the read and the write.
    const get = registry.get.bind(registry);
    jest.spyOn(registry, 'get').mockImplementationOnce(async (id) => {
      const read = await get(id);
      await tenants.change({ id: 'acme', priority: 9, overrides: { ...stored, batchSize: 60 } });
      return read;
    });
    expect(await tenants.changeOverrides('acme', { concurrency: null })).toMatchObject({
      changed: true,
      priority: 9,
      overrides: { batchSize: 60, idleCeilingMs: 300_000 },
    });
    expect((await registry.get('acme'))!.overrides).toEqual({ batchSize: 60, idleCeilingMs: 300_000 });
  });

  test('S3: a tenant that has these overrides already is not written, and the call says so', async () => {
    const { registry, tenants } = await scene();
    await tenants.add({ id: 'acme', overrides: { batchSize: 50 } });
    const before = await registry.get('acme');
    for (const change of [{ batchSize: 50 }, { concurrency: null }, { batchSize: 50, idleCeilingMs: null }])
      expect(await tenants.changeOverrides('acme', change)).toEqual({ ...before, changed: false });
    expect(await registry.get('acme')).toEqual(before);
    await expect(tenants.changeOverrides('nobody', { batchSize: 1 })).rejects.toMatchObject({
      code: 'UNKNOWN_TENANT',
    });
    await expect(tenants.changeOverrides('acme', { batchSize: 0 })).rejects.toMatchObject({
      code: 'INVALID_TENANT',
    });
  });

  test('F9: an unknown tenant is an error that names its id, and nothing is stored', async () => {
    const { tenants, remembered } = await scene();
    const unknown = { code: 'UNKNOWN_TENANT', tenantId: 'nobody' };
    await expect(tenants.get('nobody')).rejects.toMatchObject(unknown);
    await expect(tenants.pause('nobody')).rejects.toMatchObject(unknown);
    await expect(tenants.change({ id: 'nobody' })).rejects.toMatchObject(unknown);
    expect(remembered).toEqual([]);
  });

  test('F1: a definition that is not valid is refused', async () => {
    const { tenants } = await scene();
    const invalid = { id: 'acme', weight: 0 } as TenantInput;
    await expect(tenants.add(invalid)).rejects.toMatchObject({ code: 'INVALID_TENANT' });
    await expect(tenants.change(invalid)).rejects.toMatchObject({ code: 'INVALID_TENANT' });
  });

  test.each([[undefined], [null], [5], [['acme']]])('an id that is %p is refused', async (id) => {
    const { tenants } = await scene();
    for (const call of [tenants.get, tenants.pause, tenants.resume, tenants.remove])
      await expect(call(id as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^A tenant's id must be text, got /),
      });
  });

  test('a query that is not an object is refused by its name', async () => {
    const { tenants } = await scene();
    await expect(tenants.list('active' as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'tenants.list: the options must be an object, got "active".',
    });
  });

  test.each([
    [{ status: 'actve' }, '\'status\' must be one of active, paused, retired, got "actve"'],
    [{ after: 7 }, "'after' must be the id of a tenant, got 7"],
    [{ limit: -1 }, "'limit' must be a whole number from 0, got -1"],
    [{ limit: 1.5 }, "'limit' must be a whole number from 0, got 1.5"],
    [{ limit: '2' }, '\'limit\' must be a whole number from 0, got "2"'],
  ])('a query with %j is refused: it would list other tenants than meant', async (query, problem) => {
    const { tenants } = await scene();
    await expect(tenants.list(query as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `tenants.list: ${problem}.`,
    });
  });

  test('a query may have any status that a tenant has, and a limit from 0 on', async () => {
    const { tenants } = await scene();
    for (const id of ['acme', 'birch']) await tenants.add({ id });
    await tenants.pause('birch');
    expect(await tenants.list({ status: 'paused' })).toMatchObject([{ id: 'birch' }]);
    expect(await tenants.list({ limit: 1 })).toMatchObject([{ id: 'acme' }]);
    expect(await tenants.list({ limit: 0 })).toEqual([]);
  });
});
