/** S3: operations on tenants: what they count, change, record and leave alone. */
import { randomUUID } from 'node:crypto';
import type { TenantRecord } from '../../../../src/engine/registry.ts';
import { MultiOutboxError } from '../../../../src/errors.ts';
import { countTenants } from '../../../../src/fleet/stored-operations/count-tenants.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { operatorScene } from '../../../support/operator-scene.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
afterEach(() => jest.restoreAllMocks());

/** A registry with these tenants; nothing here needs their databases. */
async function scene(...ids: string[]) {
  const made = await operatorScene(place);
  const { registry, face } = made;
  const rows = async () => (await face.audit({ limit: 1_000 })).reverse();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return {
    ...made,
    rows,
    statuses: async () => Object.fromEntries((await registry.list()).map(({ id, status }) => [id, status])),
    /** The acts on tenants in the record. */
    acts: async () =>
      (await rows())
        .filter(({ act }) => act.startsWith('tenant-'))
        .map(({ act, actor, tenantId, count }) => [act, actor, tenantId, count].join(' ')),
  };
}

const many = (count: number) => Array.from({ length: count }, (_, n) => `t${String(n).padStart(4, '0')}`);

test('S3: a new one counts the tenants that it would change, and changes none', async () => {
  const { operations, registry, rows, statuses, used } = await scene('acme', 'birch', 'cedar', 'dune');
  await registry.setStatus('birch', 'paused');
  await registry.setStatus('dune', 'retired');
  const before = await statuses();
  const tenants = ['dune', 'cedar', 'acme', 'nobody', 'acme', 'birch'];
  const { operation } = await operations.create({ act: 'pause', tenants, by: 'grace' });
  const each = ['acme', 'birch', 'cedar', 'dune', 'nobody'];
  expect(operation).toEqual({
    on: 'tenants',
    id: operation.id,
    state: 'counted',
    actor: 'grace',
    act: { act: 'pause' },
    tenants: each,
    counted: 2,
    changed: 0,
    tenantsDone: 0,
    lastTenant: null,
    failures: [],
    createdUtc: expect.any(String),
    updatedUtc: expect.any(String),
  });
  expect(await operations.get(operation.id)).toEqual(operation);
  expect(await operations.list()).toEqual([{ ...operation, tenants: 5, failures: 0 }]);
  expect([await statuses(), used]).toEqual([before, []]);
  expect(await rows()).toMatchObject([
    {
      act: 'operation-start',
      actor: 'grace',
      tenantId: null,
      queue: null,
      operationId: operation.id,
      count: 0,
      selection: { act: { act: 'pause' }, tenants: each },
    },
  ]);
});

test.each<[object, number]>([
  [{ act: 'wake' }, 2],
  [{ act: 'pause' }, 2],
  [{ act: 'resume' }, 1],
  [{ act: 'change-overrides', overrides: { batchSize: 5 } }, 2],
  [{ act: 'change-overrides', overrides: { concurrency: null } }, 0],
])('S3: %j is for %i of the tenants that were given', async (act, counted) => {
  const { operations, registry } = await scene('active', 'has-it', 'paused', 'retired', 'other');
  const definition = tenantDefinition({ id: 'has-it', overrides: { batchSize: 5 } });
  await registry.change(definition, 'key-of-has-it');
  await registry.setStatus('paused', 'paused');
  await registry.setStatus('retired', 'retired');
  const given = ['active', 'has-it', 'paused', 'retired', 'nobody'];
  const create = (tenants: readonly string[]) => operations.create({ ...act, tenants } as never);
  expect((await create(given)).operation.counted).toBe(counted);
  // Of many the registry is read as a whole.
  expect((await create([...given, ...many(100)])).operation.counted).toBe(counted);
});

test('S3: exactly the given tenants are changed, with the rows of acts on one; failed ones are tried again', async () => {
  const { operations, registry, acts, rows, statuses } = await scene('acme', 'birch', 'cedar', 'dune');
  await registry.setStatus('birch', 'paused');
  await registry.setStatus('dune', 'retired');
  const tenants = ['acme', 'birch', 'cedar', 'dune', 'nobody'];
  const { operation } = await operations.create({ act: 'pause', tenants });
  await registry.add(tenantDefinition({ id: 'elm' }), 'key-of-elm');
  const told: unknown[] = [];
  const ended = await operations.resume(operation.id, {
    by: 'grace',
    onTenant: (tenant) => told.push(tenant),
  });
  expect(ended).toMatchObject({
    state: 'done',
    takenOver: false,
    changed: 2,
    tenantsDone: 3,
    lastTenant: 'nobody',
    failures: [
      { tenantId: 'dune', code: 'TENANT_NOT_ACTIVE' },
      { tenantId: 'nobody', code: 'UNKNOWN_TENANT' },
    ],
  });
  const paused = { acme: 'paused', birch: 'paused', cedar: 'paused', elm: 'active' };
  expect(await statuses()).toEqual({ ...paused, dune: 'retired' });
  // A tenant that was paused already is left alone, and a retired one has no row.
  expect((await acts()).sort()).toEqual(['tenant-pause grace acme 1', 'tenant-pause grace cedar 1']);
  const ofOperation = (await rows()).filter(({ operationId }) => operationId === operation.id);
  expect(ofOperation.map(({ act }) => act).sort()).toEqual([
    'operation-resume',
    'operation-start',
    'tenant-pause',
    'tenant-pause',
  ]);
  expect(ofOperation.find(({ act }) => act === 'operation-resume')).toMatchObject({
    actor: 'grace',
    queue: null,
    count: 2,
    selection: { act: { act: 'pause' } },
  });
  expect(told).toHaveLength(5);
  expect(told).toEqual(
    expect.arrayContaining([
      { tenantId: 'acme', changed: 1 },
      { tenantId: 'birch', changed: 0 },
      { tenantId: 'nobody', changed: 0 },
    ]),
  );

  await registry.add(tenantDefinition({ id: 'nobody' }), 'key-of-nobody');
  await registry.setStatus('acme', 'active');
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    changed: 3,
    tenantsDone: 4,
    failures: [{ tenantId: 'dune' }],
  });
  // Only the failed ones were tried.
  expect(await statuses()).toMatchObject({ acme: 'active', nobody: 'paused' });
});

test('S3: tenants are woken and resumed; one that is paused cannot be woken', async () => {
  const { operations, registry, acts, statuses, woken } = await scene('acme', 'birch', 'cedar');
  await registry.setStatus('birch', 'paused');
  const tenants = ['acme', 'birch', 'cedar'];
  const run = async (act: 'wake' | 'resume') => {
    const { operation } = await operations.create({ act, tenants });
    return operations.resume(operation.id);
  };
  expect(await run('wake')).toMatchObject({
    counted: 2,
    changed: 2,
    failures: [{ tenantId: 'birch', code: 'TENANT_NOT_ACTIVE' }],
  });
  expect(woken.sort()).toEqual(['acme', 'cedar']);
  expect(await run('resume')).toMatchObject({ counted: 1, changed: 1, tenantsDone: 3, failures: [] });
  expect(await statuses()).toEqual({ acme: 'active', birch: 'active', cedar: 'active' });
  expect((await acts()).sort()).toEqual([
    'tenant-resume ada birch 1',
    'tenant-wake ada acme 1',
    'tenant-wake ada cedar 1',
  ]);
});

test('S3: overrides: what is named changes, the rest stays, and what a tenant has already is no change', async () => {
  const { operations, registry, tenants, acts } = await scene();
  const add = (id: string, overrides: object) =>
    registry.add(tenantDefinition({ id, priority: 7, overrides }), `key-of-${id}`);
  await add('acme', { batchSize: 10, concurrency: 2 });
  await add('birch', { batchSize: 50, idleCeilingMs: 300_000 });
  await add('cedar', {});
  await registry.setStatus('cedar', 'paused');
  const { operation } = await operations.create({
    act: 'change-overrides',
    overrides: { batchSize: 50, concurrency: null, idleCeilingMs: '5m' },
    tenants: ['acme', 'birch', 'cedar'],
  });
  const wanted = { batchSize: 50, idleCeilingMs: 300_000 };
  // As it is stored, so that each tenant gets the same.
  expect(operation).toMatchObject({
    counted: 2,
    act: { act: 'change-overrides', overrides: { ...wanted, concurrency: null } },
  });
  expect(await operations.resume(operation.id)).toMatchObject({ changed: 2, tenantsDone: 3, failures: [] });
  for (const id of ['acme', 'birch', 'cedar'])
    expect(await tenants.get(id)).toMatchObject({ priority: 7, overrides: wanted });
  expect((await tenants.get('cedar')).status).toBe('paused');
  expect((await acts()).sort()).toEqual([
    'tenant-change ada acme 1',
    'tenant-change ada birch 0',
    'tenant-change ada cedar 1',
  ]);
});

test('S3: the progress is written after each 100 tenants', async () => {
  const ids = many(250);
  const { operations, registry } = await scene(...ids);
  const { operation } = await operations.create({ act: 'pause', tenants: ids });
  expect(operation.counted).toBe(250);
  const progress = jest.spyOn(registry.operations, 'progress');
  await operations.resume(operation.id);
  const written = progress.mock.calls.map(([, , { tenantsDone }, { isDone }]) => [tenantsDone, isDone]);
  expect(written).toEqual([
    [100, false],
    [200, false],
    [250, false],
    [250, true],
  ]);
});

test('S3: one that is stopped goes on where it was, and acts on each tenant once', async () => {
  const ids = many(40);
  const { operations, acts } = await scene(...ids);
  const { operation } = await operations.create({ act: 'wake', tenants: ids });
  const stop = new AbortController();
  let told = 0;
  const stopped = await operations.resume(operation.id, {
    signal: stop.signal,
    onTenant: () => ++told === 5 && stop.abort(),
  });
  expect(stopped).toMatchObject({ state: 'running', takenOver: false, failures: [] });
  // Those that were under way have ended.
  expect(stopped.changed).toBe(told);
  expect(told).toBeLessThan(5 + 8);
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    changed: 40,
    tenantsDone: 40,
  });
  expect((await acts()).sort()).toEqual(ids.map((id) => `tenant-wake ada ${id} 1`));
});

test('S3: one that is cancelled or taken over meanwhile stops within 100 tenants', async () => {
  const ids = many(250);
  const { operations, registry, acts, statuses } = await scene(...ids);
  const run = async (meanwhile: (id: string) => Promise<unknown>) => {
    const { operation } = await operations.create({ act: 'pause', tenants: ids });
    let done: Promise<unknown> | undefined;
    const ended = await operations.resume(operation.id, {
      onTenant: () => {
        done ??= meanwhile(operation.id);
      },
    });
    await done;
    return ended;
  };
  expect(await run((id) => operations.cancel(id))).toMatchObject({ state: 'cancelled', takenOver: false });
  expect(await acts()).toHaveLength(100);
  expect(Object.values(await statuses()).filter((status) => status === 'paused')).toHaveLength(100);
  const taken = await run((id) => registry.operations.take(id, randomUUID()));
  expect(taken).toMatchObject({ state: 'running', takenOver: true });
  // The first hundred were paused already.
  expect(await acts()).toHaveLength(100);
});

const away = () =>
  new MultiOutboxError('REGISTRY_UNAVAILABLE', 'the registry does not answer', { transient: true });

test('S3: a registry that does not answer ends the run, and is no failure of a tenant; it goes on later', async () => {
  const ids = many(150);
  const { operations, registry, rows, statuses } = await scene(...ids);
  const { operation } = await operations.create({ act: 'pause', tenants: ids });
  const real = registry.setStatus.bind(registry);
  let acts = 0;
  jest.spyOn(registry, 'setStatus').mockImplementation(async (...given) => {
    if (++acts > 120) throw away();
    return real(...given);
  });
  await expect(operations.resume(operation.id)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  // Few were tried after that.
  expect(acts).toBeLessThan(130);
  const stopped = await operations.get(operation.id);
  expect(stopped).toMatchObject({ state: 'running', changed: 120, failures: [] });
  expect((await rows()).find(({ act }) => act === 'operation-resume')).toMatchObject({
    count: null,
    error: expect.stringMatching(/^REGISTRY_UNAVAILABLE/),
  });
  jest.restoreAllMocks();
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    changed: 150,
    tenantsDone: 150,
    failures: [],
  });
  expect(new Set(Object.values(await statuses()))).toEqual(new Set(['paused']));
});

test('S3: nothing is stored of a run that could not try a tenant', async () => {
  const { operations, registry } = await scene('acme');
  const { operation } = await operations.create({ act: 'pause', tenants: ['acme'] });
  jest.spyOn(registry, 'get').mockRejectedValue(away());
  const progress = jest.spyOn(registry.operations, 'progress');
  await expect(operations.resume(operation.id)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  expect(progress).not.toHaveBeenCalled();
});

test('S3: of many tenants the registry is read page by page, to the last one; of few, eight at once', async () => {
  const tenants = many(2_000).map((id) => ({ id, status: 'active' }) as TenantRecord);
  const asked: unknown[] = [];
  let [underWay, most] = [0, 0];
  const registry = {
    async list({ limit, after = '' }: { limit?: number; after?: string } = {}) {
      asked.push([limit, after]);
      return tenants.filter(({ id }) => id > after).slice(0, limit);
    },
    async get(wanted: string) {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return tenants.find(({ id }) => id === wanted) ?? null;
    },
  };
  expect(await countTenants(registry, { act: 'pause' }, many(2_000).slice(500))).toBe(1_500);
  expect(asked).toEqual([
    [1_000, ''],
    [1_000, 't0999'],
    [1_000, 't1999'],
  ]);
  expect(await countTenants(registry, { act: 'pause' }, many(100))).toBe(100);
  expect([asked.length, most]).toEqual([3, 8]);
});

test('S3: progress that could not be stored is done again, and changes no tenant twice', async () => {
  const ids = many(20);
  const { operations, registry, acts } = await scene(...ids);
  const { operation } = await operations.create({ act: 'pause', tenants: ids });
  jest.spyOn(registry.operations, 'progress').mockRejectedValue(away());
  await expect(operations.resume(operation.id)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  expect(await operations.get(operation.id)).toMatchObject({ state: 'running', tenantsDone: 0 });
  jest.restoreAllMocks();
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    tenantsDone: 20,
    failures: [],
  });
  expect((await acts()).sort()).toEqual(ids.map((id) => `tenant-pause ada ${id} 1`));
});

test('S3: the record of acts names the tenants of a small one, and counts those of a large one', async () => {
  const { operations, rows } = await scene();
  for (const count of [100, 101]) await operations.create({ act: 'pause', tenants: many(count) });
  expect((await rows()).map(({ selection }) => (selection as { tenants: unknown }).tenants)).toEqual([
    many(100),
    101,
  ]);
});
