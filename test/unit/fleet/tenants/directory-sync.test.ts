import { DatabaseSync } from 'node:sqlite';
import type { TenantDefinition } from '../../../../src/engine/registry.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import type { DirectoryTenant } from '../../../../src/fleet/tenants/directory-listing.ts';
import { DirectorySync } from '../../../../src/fleet/tenants/directory-sync.ts';
import { refreshRetryMs } from '../../../../src/fleet/tenants/refresh.ts';
import { deferred, turns } from '../../../support/deferred.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { backUpFile } from '../../../support/sqlite-backup.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { until } from '../../../support/until.ts';

const place = new SqlitePlace();

interface Watch {
  /** Called when the registry has added a tenant. */
  onAdd?: (id: string) => void;
  /** Called when the registry has changed a tenant's status. */
  onStatus?: (id: string) => void;
  onKey?: (id: string) => void;
}

/** A host whose registry follows a list of tenants, and the means to watch it. Several hosts share the registry. */
async function scene(watch: Watch = {}, { name = 'crm', refreshMs = 60_000 } = {}) {
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
  const change = jest.spyOn(registry, 'change');
  const list: { tenants: DirectoryTenant[]; reads: number; onRead: () => Promise<void> } = {
    tenants: [],
    reads: 0,
    onRead: async () => {},
  };
  const told: string[] = [];
  const closed = new AbortController();
  const logger = recordingLogger();
  const sync = new DirectorySync({
    directory: {
      name,
      async read() {
        list.reads++;
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
    settings: { refreshMs },
    owner: 'host',
    closed: closed.signal,
    logger,
    onTenant: ({ id, status }) => told.push(`${id} ${status}`),
  });
  const statuses = async () =>
    Object.fromEntries((await registry.list()).map(({ id, status }) => [id, status]));
  /** Adds a tenant as an operator does. */
  const operator = {
    add: (id: string, tags = {}) => add(tenantDefinition({ id, tags }), `key-of-${id}`),
    set: setStatus,
  };
  const writes = () =>
    [registry.add, registry.change, registry.setStatus].flatMap((spy) => (spy as jest.Mock).mock.calls)
      .length;
  return { registry, change, sync, list, closed, logger, told, statuses, operator, writes };
}

/** Fakes only the clock by which a refresh is due; the database works in real time. */
function fakeClock() {
  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'setTimeout', 'setInterval', 'nextTick', 'queueMicrotask'],
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
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
      message: expect.stringContaining("'crm': the file is gone. This host tries again within 2s."),
    });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { directory: 'crm', error: 'the file is gone' } },
    ]);
    list.onRead = async () => {};
    await sync.now();
    await sync.ready();
  });

  test.each([1, 2])(
    'F2: after the registry was restored, the list is taken again: after %p refreshes',
    async (refreshes) => {
      const { registry, sync, list, statuses } = await scene();
      list.tenants = [{ id: 'a' }];
      await sync.now();
      const restore = backUpFile(place.file('registry.db'));
      list.tenants = [{ id: 'a', priority: 5 }, { id: 'b' }];
      for (let time = 0; time < refreshes; time++) await sync.now();
      await restore();
      await sync.now();
      expect(await statuses()).toEqual({ a: 'active', b: 'active' });
      expect(await registry.get('a')).toMatchObject({ priority: 5 });
    },
  );
});

describe('what the registry takes from the list (F2)', () => {
  test('F2: new tenants are added, different ones changed, missing ones retired, and retired ones added again', async () => {
    const { registry, sync, list, told, statuses } = await scene();
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    await sync.now();
    list.tenants = [{ id: 'a', priority: 5 }];
    await sync.now();
    expect(await registry.get('a')).toMatchObject({ priority: 5, tags: { directory: 'crm' } });
    expect(await statuses()).toEqual({ a: 'active', b: 'retired' });
    list.tenants = [{ id: 'a', priority: 5 }, { id: 'b' }];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'active', b: 'active' });
    // This process hears of each tenant that changed, and of no other.
    expect(told).toEqual(['a active', 'b active', 'b retired', 'a active', 'b active']);
  });

  test('F2: a status in the list is taken, and without one the present status stays', async () => {
    const { sync, list, statuses, operator, told } = await scene();
    list.tenants = [{ id: 'a', status: 'paused' }, { id: 'b' }, { id: 'c', status: 'active' }];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'paused', b: 'active', c: 'active' });
    await operator.set('b', 'paused');
    list.tenants = [{ id: 'a' }, { id: 'b' }, { id: 'c', status: 'paused' }];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'paused', b: 'paused', c: 'paused' });
    list.tenants = ['a', 'b', 'c'].map((id) => ({ id, status: 'active' }));
    await sync.now();
    // Only an operator ends an operator's pause.
    expect(await statuses()).toEqual({ a: 'active', b: 'paused', c: 'active' });
    expect(told.slice(-2)).toEqual(['a active', 'c active']);
  });

  test('F2: it acts as the directory: a tenant that an operator paused stays paused when it comes back', async () => {
    const { registry, sync, list, statuses, operator } = await scene();
    list.tenants = [{ id: 'a' }];
    await sync.now();
    await operator.set('a', 'paused');
    list.tenants = [];
    await sync.now();
    expect(registry.setStatus).toHaveBeenLastCalledWith('a', 'retired', 'directory');
    list.tenants = [{ id: 'a' }];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'paused' });
  });

  test('F2: a list that has not changed writes nothing, and reads only what changed', async () => {
    const { registry, sync, list, statuses, operator, told, writes } = await scene();
    const asked = jest.spyOn(registry, 'changesSince');
    list.tenants = ['a', 'b', 'c', 'gone'].map((id) => ({ id }));
    await sync.now();
    await operator.set('c', 'paused');
    list.tenants = [
      { id: 'a', status: 'active' },
      { id: 'b', status: 'paused' },
      { id: 'c', status: 'active' },
    ];
    await sync.now();
    const before = await statuses();
    expect(before).toEqual({ a: 'active', b: 'paused', c: 'paused', gone: 'retired' });
    const [written, heard] = [writes(), told.length];
    for (let time = 0; time < 2; time++) await sync.now();
    expect([writes(), told.length, await statuses()]).toEqual([written, heard, before]);
    const { version } = await registry.changesSince(null);
    expect(asked.mock.calls.map(([from]) => from)).toEqual([0, 0, expect.any(Number), version, null]);
  });

  test('F2: tenants of operators are not changed unless the list has them; then they are the directory’s', async () => {
    const { registry, sync, list, statuses, operator } = await scene();
    await operator.add('theirs');
    await operator.add('taken');
    list.tenants = [{ id: 'taken', priority: 5 }];
    await sync.now();
    expect(await registry.get('taken')).toMatchObject({ priority: 5, tags: { directory: 'crm' } });
    list.tenants = [];
    await sync.now();
    expect(await statuses()).toEqual({ theirs: 'active', taken: 'retired' });
  });

  test('F2: a tenant of another directory stays as it is, and is logged by its id', async () => {
    const first = await scene();
    first.list.tenants = [{ id: 'a' }];
    await first.sync.now();
    const { registry, sync, list, statuses, logger } = await scene({}, { name: 'other' });
    list.tenants = [{ id: 'a', priority: 5 }, { id: 'b' }];
    await sync.now();
    expect(await registry.get('a')).toMatchObject({ priority: 0, tags: { directory: 'crm' } });
    expect(await statuses()).toEqual({ a: 'active', b: 'active' });
    const problem =
      "Tenant 'a' is already listed by the directory 'crm'; remove it from one of the two directories.";
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { directory: 'other', problem } }]);
  });

  test('F2: a known tenant whose entry becomes invalid stays; while an entry has no id none is retired', async () => {
    const { sync, list, statuses, logger } = await scene();
    const lastProblems = (count: number) => logger.lines.slice(-count).map(({ fields }) => fields.problem);
    list.tenants = ['a', 'b', 'c'].map((id) => ({ id }));
    await sync.now();
    const invalid = { id: 'a', weight: -1 };
    list.tenants = [invalid, { id: 'c' }];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'active', b: 'retired', c: 'active' });
    expect(lastProblems(1)).toEqual([
      expect.stringMatching(/^Tenant 'a' cannot be registered: weight [^.]*\.[^.]*\.?$/),
    ]);
    list.tenants = [invalid, {} as never];
    await sync.now();
    expect(await statuses()).toEqual({ a: 'active', b: 'retired', c: 'active' });
    expect(lastProblems(1)).toEqual([
      'The tenant cannot be registered: id is missing. The entry may belong to any tenant, so no tenant is retired until it is corrected.',
    ]);
  });

  test('Q15: a definition that cannot be read is replaced; a schedule that cannot be read stays', async () => {
    const first = await scene();
    first.list.tenants = [{ id: 'a' }, { id: 'b' }];
    await first.sync.now();
    const foreign = new DatabaseSync(place.file('registry.db'));
    foreign.exec(`UPDATE Tenants SET Overrides = '["x"]' WHERE Id = 'a'`);
    foreign.exec(`UPDATE Tenants SET LastCounts = '[]' WHERE Id = 'b'`);
    foreign.close();
    const { registry, change, sync, list, logger } = await scene();
    expect(await registry.get('a')).toMatchObject({ unreadable: { definition: ['Overrides'] } });
    list.tenants = first.list.tenants;
    await sync.now();
    expect((await registry.get('a'))!.unreadable).toBeUndefined();
    expect(change.mock.calls.map(([{ id }]) => id)).toEqual(['a']);
    expect(logger.lines).toEqual([]);
  });

  test('F2, D8: a tenant that an operator removes meanwhile is logged; the others are taken', async () => {
    const { registry, sync, list, statuses, operator, logger } = await scene();
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    await sync.now();
    list.tenants = [
      { id: 'a', priority: 5 },
      { id: 'b', priority: 5 },
    ];
    list.onRead = async () => {
      await operator.set('a', 'retired');
    };
    await sync.now();
    expect(await statuses()).toEqual({ a: 'retired', b: 'active' });
    expect(await registry.get('b')).toMatchObject({ priority: 5 });
    expect(logger.lines).toMatchObject([{ fields: { problem: expect.stringContaining("'a' is retired") } }]);
  });

  test('F2: an error that is not about one tenant fails the refresh', async () => {
    const { registry, sync, list, logger } = await scene();
    (registry.add as jest.Mock).mockRejectedValueOnce(new Error('the disk is full'));
    list.tenants = [{ id: 'a' }, { id: 'b' }];
    await expect(sync.now()).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('the disk is full'),
    });
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { directory: 'crm', error: 'the disk is full' },
    ]);
  });
});

describe('callers and the refresh (F2)', () => {
  test('F2: callers that need the first list share one reading, and wait for it', async () => {
    const { sync, list } = await scene();
    const gate = deferred();
    list.onRead = () => gate.promise;
    let served = 0;
    const callers = [1, 2].map(() => sync.ready().then(() => served++));
    await until('it is read', () => list.reads > 0);
    await turns();
    expect(served).toBe(0);
    gate.resolve();
    await Promise.all(callers);
    expect(list.reads).toBe(1);
  });

  test('F2: callers use the last good list while a refresh is under way; its end can be waited for', async () => {
    const { sync, list } = await scene({}, { refreshMs: 0 });
    await sync.now();
    const gate = deferred();
    list.onRead = () => gate.promise;
    await sync.ready();
    await until('it is read again', () => list.reads === 2);
    let hasEnded = false;
    const ended = sync.ended().then(() => {
      hasEnded = true;
    });
    await turns();
    expect(hasEnded).toBe(false);
    gate.resolve();
    await ended;
    expect(list.reads).toBe(2);
  });

  test('F2: a refresh on request begins after the one under way, and callers share it', async () => {
    const { sync, list } = await scene();
    const gate = deferred();
    list.onRead = () => gate.promise;
    const calls = [sync.ready()];
    await until('it is read', () => list.reads === 1);
    calls.push(sync.now(), sync.now());
    gate.resolve();
    await Promise.all(calls);
    expect(list.reads).toBe(2);
  });

  test('F2: once it is closed no refresh begins', async () => {
    const { sync, list, closed, registry } = await scene();
    closed.abort(new Error('closed'));
    await sync.ready();
    await sync.ended();
    expect([list.reads, await registry.leases.list()]).toEqual([0, []]);
  });

  test('F2: until the first read succeeds each call fails with its reason; a list without tenants is one', async () => {
    const { sync, list } = await scene({}, { refreshMs: 0 });
    const fail = () => Promise.reject(new Error('no such table'));
    list.onRead = fail;
    for (let time = 0; time < 2; time++)
      await expect(sync.ready()).rejects.toMatchObject({
        code: 'REGISTRY_UNAVAILABLE',
        message: expect.stringContaining('no such table'),
      });
    list.onRead = async () => {};
    await sync.ready();
    list.onRead = fail;
    await expect(sync.now()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    await sync.ready();
  });

  test('F2: a host that starts while the list cannot be read uses the tenants of an earlier list, if there are any', async () => {
    const first = await scene();
    await first.operator.add('theirs');
    first.list.tenants = [{ id: 'gone' }];
    await first.sync.now();
    first.list.tenants = [];
    await first.sync.now();
    const starting = async () => {
      const host = await scene();
      host.list.onRead = () => Promise.reject(new Error('away'));
      return host.sync;
    };
    await expect((await starting()).ready()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    first.list.tenants = [{ id: 'a' }];
    await first.sync.now();
    await (await starting()).ready();
  });

  test('F2: while another host does the first refresh, calls say so; after that they use its tenants', async () => {
    const { registry, sync, list, operator, logger } = await scene();
    await registry.leases.acquire({ name: 'directory', owner: 'host-1', durationMs: 60_000 });
    await operator.add('theirs');
    await expect(sync.now()).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining(
        "'host-1' is synchronising the two now and has not added any tenant yet.",
      ),
    });
    expect(logger.lines).toHaveLength(1);
    await operator.add('a', { directory: 'crm' });
    await sync.now();
    await sync.ready();
    expect([list.reads, logger.lines.length]).toEqual([0, 1]);
  });
});

describe('when the next refresh is due (F2)', () => {
  fakeClock();

  /** How often the list was read, once a refresh that is due has ended. */
  const readsOf = async ({ sync, list }: Awaited<ReturnType<typeof scene>>, afterMs: number) => {
    jest.advanceTimersByTime(afterMs);
    await sync.ready().catch(() => {});
    await sync.ended();
    return list.reads;
  };

  test('F2: after the interval', async () => {
    const host = await scene();
    expect(await readsOf(host, 0)).toBe(1);
    expect(await readsOf(host, 59_999)).toBe(1);
    expect(await readsOf(host, 1)).toBe(2);
  });

  test('F2: sooner after a failure', async () => {
    const host = await scene();
    host.list.onRead = () => Promise.reject(new Error('away'));
    expect(await readsOf(host, 0)).toBe(1);
    expect(await readsOf(host, refreshRetryMs - 1)).toBe(1);
    expect(await readsOf(host, 1)).toBe(2);
  });

  test('F2: sooner after another host was refreshing, which fails no call', async () => {
    const host = await scene();
    await host.sync.now();
    const { leases } = host.registry;
    await leases.acquire({ name: 'directory', owner: 'host-1', durationMs: 60_000 });
    await host.sync.now();
    const { acquisitionId, fence } = (await leases.list())[0]!;
    await leases.release({ name: 'directory', owner: 'host-1', fence, acquisitionId: acquisitionId! });
    expect(await readsOf(host, refreshRetryMs - 1)).toBe(1);
    expect(await readsOf(host, 1)).toBe(2);
  });
});
