import type { TenantDefinition } from '../../../../src/engine/registry.ts';
import type { DirectoryTenant } from '../../../../src/fleet/tenants/directory-listing.ts';
import { DirectorySync } from '../../../../src/fleet/tenants/directory-sync.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { backUpFile } from '../../../support/sqlite-backup.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

interface Watch {
  /** Called when the registry has added a tenant. */
  onAdd?: (id: string) => void;
  /** Called when the registry has changed a tenant's status. */
  onStatus?: (id: string) => void;
  onKey?: (id: string) => void;
}

/** A registry that follows a list of tenants, and the means to watch it. */
async function scene(watch: Watch = {}) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  const add = registry.add.bind(registry);
  jest.spyOn(registry, 'add').mockImplementation(async (...given) => {
    const tenant = await add(...given);
    watch.onAdd?.(tenant.id);
    return tenant;
  });
  const setStatus = registry.setStatus.bind(registry);
  jest.spyOn(registry, 'setStatus').mockImplementation(async (...given) => {
    const tenant = await setStatus(...given);
    watch.onStatus?.(tenant.id);
    return tenant;
  });
  const list: { tenants: DirectoryTenant[]; onRead: () => Promise<void> } = {
    tenants: [],
    onRead: async () => {},
  };
  const closed = new AbortController();
  const logger = recordingLogger();
  const sync = new DirectorySync({
    directory: {
      name: 'crm',
      async read() {
        await list.onRead();
        return list.tenants;
      },
    },
    registry,
    databaseKey(definition: TenantDefinition) {
      watch.onKey?.(definition.id);
      return engine.databaseKey(definition);
    },
    embedded: true,
    settings: { refreshMs: 60_000 },
    owner: 'host',
    closed: closed.signal,
    logger,
    onTenant() {},
  });
  const statuses = async () =>
    Object.fromEntries((await registry.list()).map(({ id, status }) => [id, status]));
  return { registry, sync, list, closed, logger, statuses };
}

describe('synchronising the registry with a directory (F2)', () => {
  test('F2: it holds a lease of a minute while it reads', async () => {
    const { registry, sync, list } = await scene();
    const held: unknown[] = [];
    list.onRead = async () => {
      for (const { name, owner, acquiredUtc, expiresUtc } of await registry.leases.list())
        held.push([name, owner, expiresUtc!.getTime() - acquiredUtc!.getTime()]);
    };
    await sync.now();
    expect(held).toEqual([['directory', 'host', 60_000]]);
    expect(await registry.leases.list()).toMatchObject([{ held: false }]);
  });

  test('F2: once it is closed it adds no further tenant', async () => {
    const watch: Watch = {};
    const { sync, list, closed, logger, statuses } = await scene(watch);
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    watch.onAdd = () => closed.abort(new Error('closed'));
    await expect(sync.now()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', transient: true });
    expect(await statuses()).toEqual({ a: 'active' });
    // The caller that closed it knows the reason.
    expect(logger.lines).toEqual([]);
  });

  test('F2: once it is closed it retires no further tenant', async () => {
    const watch: Watch = {};
    const { sync, list, closed, statuses } = await scene(watch);
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    await sync.now();
    list.tenants = [];
    watch.onStatus = () => closed.abort(new Error('closed'));
    await expect(sync.now()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    expect(Object.values(await statuses()).sort()).toEqual(['active', 'retired']);
  });

  test('D8: other events are processed while many tenants are added', async () => {
    const seen: string[] = [];
    const { sync, list } = await scene({
      onKey(id) {
        seen.push(id);
        setImmediate(() => seen.push('event'));
        const until = performance.now() + 6;
        while (performance.now() < until);
      },
    });
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    await sync.now();
    expect(seen.slice(0, 3)).toEqual(['a', 'event', 'b']);
  });

  test('D8: a tenant that cannot be registered is logged, and the others are registered', async () => {
    const { sync, list, logger, statuses } = await scene();
    list.tenants = [
      { id: 'a', database: 'same.db' },
      { id: 'b', database: 'same.db' },
      { id: 'c', database: 'registry.db' },
      { id: 'd' },
    ];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'active', d: 'active' });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { directory: 'crm', problem: expect.stringContaining("'b'") } },
      { level: 'warn', fields: { directory: 'crm', problem: expect.stringContaining("'c'") } },
    ]);
    await sync.now();
    expect(logger.lines).toHaveLength(2);
  });

  test('F2: a failure is logged and told, with when it is tried again; the next success ends it', async () => {
    const { sync, list, logger } = await scene();
    list.onRead = () => Promise.reject(new Error('the file is gone'));
    await expect(sync.now()).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      transient: true,
      message: expect.stringContaining("'crm': the file is gone. This host tries again within 2 s."),
    });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { directory: 'crm', error: 'the file is gone' } },
    ]);
    list.onRead = async () => {};
    await sync.now();
    await sync.ready();
  });

  test('F2: after the registry was restored, tenants that the directory lists are added again', async () => {
    const { sync, list, statuses } = await scene();
    list.tenants = [{ id: 'a' }];
    await sync.now();
    const restore = backUpFile(place.file('registry.db'));
    list.tenants = [{ id: 'a', priority: 5 }, { id: 'b' }];
    await sync.now();
    await restore();
    await sync.now();
    expect(await statuses()).toEqual({ a: 'active', b: 'active' });
  });
});
