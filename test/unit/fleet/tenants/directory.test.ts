import type { Registry, TenantRecord } from '../../../../src/engine/registry.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { TenantDirectory } from '../../../../src/fleet/tenants/directory.ts';
import { refreshRetryMs } from '../../../../src/fleet/tenants/refresh.ts';
import { deferred, turns } from '../../../support/deferred.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { backUpFile } from '../../../support/sqlite-backup.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const refreshMs = 15_000;

beforeEach(() => {
  // Fakes only the clock that the directory reads; the database works in real time.
  jest.useFakeTimers({
    doNotFake: ['setImmediate', 'setTimeout', 'setInterval', 'nextTick', 'queueMicrotask'],
  });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A directory on a real registry whose calls are counted and can be delayed or failed. */
async function scene() {
  const registry = await place.registry();
  const calls = { get: 0, changesSince: [] as (number | null)[] };
  const faults: {
    changesSince?: () => Promise<void>;
    /** Delays the answer, which has been read. */
    changesRead?: () => Promise<void>;
    get?: () => Promise<void>;
  } = {};
  const watched: Registry = Object.assign(Object.create(registry), {
    async get(id: string) {
      calls.get++;
      const answer = await registry.get(id);
      await faults.get?.();
      return answer;
    },
    async changesSince(version: number | null) {
      calls.changesSince.push(version);
      await faults.changesSince?.();
      const answer = await registry.changesSince(version);
      await faults.changesRead?.();
      return answer;
    },
  });
  const changed: TenantRecord[] = [];
  const logger = recordingLogger();
  const directory = new TenantDirectory({
    registry: watched,
    settings: { refreshMs },
    logger,
    onChange: (tenant) => changed.push(tenant),
  });
  const add = (id: string) => registry.add(tenantDefinition({ id }), `key-of-${id}`);
  const change = (id: string, priority: number) =>
    registry.change(tenantDefinition({ id, priority }), `key-of-${id}`);
  return { registry, directory, calls, faults, changed, logger, add, change };
}

describe('the tenants this process knows (F2)', () => {
  test('F2, F9: an entry of the same version is stored but does not count as a change: no database is closed', async () => {
    const { directory, changed, add } = await scene();
    const first = await add('a');
    directory.remember(first);
    const served = { ...first, schedule: { ...first.schedule, idleStreak: 3 } };
    directory.remember(served);
    expect(changed).toEqual([]);
    expect(await directory.get('a')).toBe(served);
    // A record of an older version is not stored.
    directory.remember({ ...first, version: first.version - 1 });
    expect([await directory.get('a'), changed]).toEqual([served, []]);
  });

  test('F2: a tenant is read when first asked for, and not again', async () => {
    const { directory, calls, add } = await scene();
    await add('a');
    expect((await directory.get('a')).id).toBe('a');
    await directory.get('a');
    expect(calls.get).toBe(1);
    expect(calls.changesSince).toHaveLength(1);
  });

  test('F9: an unknown id is an error that names it; it is known once it is registered', async () => {
    const { directory, add } = await scene();
    await expect(directory.get('nobody')).rejects.toMatchObject({
      code: 'UNKNOWN_TENANT',
      tenantId: 'nobody',
      message: expect.stringContaining("'nobody'"),
    });
    await add('nobody');
    expect((await directory.get('nobody')).id).toBe('nobody');
  });

  test('F2: changes are read at an interval, in one call, and listeners are notified', async () => {
    const { directory, calls, changed, registry, add, change } = await scene();
    for (const id of ['a', 'b', 'c']) await add(id);
    for (const id of ['a', 'b', 'c']) await directory.get(id);
    await change('a', 5);
    await registry.setStatus('b', 'paused');
    expect((await directory.get('a')).priority).toBe(0);
    jest.advanceTimersByTime(refreshMs);
    expect((await directory.get('a')).priority).toBe(5);
    expect((await directory.get('b')).status).toBe('paused');
    expect(changed.map(({ id }) => id).sort()).toEqual(['a', 'b']);
    expect(calls.changesSince).toHaveLength(2);
    expect(calls.get).toBe(3);
  });

  test('F2: one caller at a time refreshes; the others get the known list meanwhile', async () => {
    const { directory, calls, faults, add, change } = await scene();
    await add('a');
    await directory.get('a');
    await change('a', 5);
    jest.advanceTimersByTime(refreshMs);
    const gate = deferred();
    faults.changesSince = () => gate.promise;
    const refresher = directory.get('a');
    const others = await Promise.all([directory.get('a'), directory.get('a')]);
    expect(others.map(({ priority }) => priority)).toEqual([0, 0]);
    gate.resolve();
    expect((await refresher).priority).toBe(5);
    expect(calls.changesSince).toHaveLength(2);
  });

  test('F2: a failed refresh keeps the last good list, and is retried soon', async () => {
    const { directory, calls, faults, logger, add, change } = await scene();
    await add('a');
    await directory.get('a');
    await change('a', 5);
    jest.advanceTimersByTime(refreshMs);
    faults.changesSince = () => Promise.reject(new Error('the registry is away'));
    expect((await directory.get('a')).priority).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { error: 'the registry is away' } }]);
    await directory.get('a');
    expect(calls.changesSince).toHaveLength(2);
    delete faults.changesSince;
    jest.advanceTimersByTime(refreshRetryMs);
    expect((await directory.get('a')).priority).toBe(5);
    expect(calls.changesSince).toHaveLength(3);
  });

  test('F2: a first refresh that failed misses no change once the registry is back', async () => {
    const { directory, faults, add, change } = await scene();
    await add('a');
    faults.changesSince = () => Promise.reject(new Error('the registry is away'));
    expect((await directory.get('a')).priority).toBe(0);
    await change('a', 5);
    delete faults.changesSince;
    jest.advanceTimersByTime(refreshRetryMs);
    expect((await directory.get('a')).priority).toBe(5);
  });

  test('F2: a change is not missed when the tenant is first read while the first refresh is under way', async () => {
    const { directory, faults, add, change } = await scene();
    await add('a');
    await add('b');
    const gate = deferred();
    faults.changesSince = () => gate.promise;
    const first = directory.get('a');
    const second = directory.get('b');
    // If the tenant were read now, the refreshed version would hide the next change.
    await turns();
    await change('b', 5);
    gate.resolve();
    delete faults.changesSince;
    await Promise.all([first, second]);
    jest.advanceTimersByTime(refreshMs);
    expect((await directory.get('b')).priority).toBe(5);
  });

  test('F2: an answer on its way does not undo a change that a refresh has brought meanwhile', async () => {
    const { directory, faults, add, change } = await scene();
    await add('a');
    await add('b');
    await directory.get('a');
    const gate = deferred();
    faults.get = () => gate.promise;
    const slow = directory.get('b');
    // The old definition of b has been read and is on its way; now it changes, and a refresh sees that.
    await turns();
    await change('b', 5);
    jest.advanceTimersByTime(refreshMs);
    await directory.get('a');
    gate.resolve();
    await slow;
    expect((await directory.get('b')).priority).toBe(5);
  });

  test('F2: an older record has no effect; a newer one is reported', async () => {
    const { directory, changed, add, change } = await scene();
    const old = await add('a');
    const now = await change('a', 5);
    directory.remember(old);
    expect(changed).toEqual([]);
    directory.remember(now);
    directory.remember(old);
    directory.remember(now);
    expect((await directory.get('a')).priority).toBe(5);
    expect(changed.map(({ priority }) => priority)).toEqual([5]);
  });
});

describe('while all tenants are read again (F2)', () => {
  /** A directory that knows 'a' and 'last', and whose next refresh reads all tenants. */
  async function rereading() {
    const made = await scene();
    const { directory, add, change } = made;
    await add('a');
    await add('last');
    for (const id of ['a', 'last']) await directory.get(id);
    // The registry has no tenant of the version that this directory knows any more.
    await change('last', 1);
    const refreshed = async () => {
      jest.advanceTimersByTime(refreshMs);
      await directory.refreshIfDue();
    };
    return { ...made, refreshed };
  }

  test('F2, D5: a tenant that changes meanwhile ends its run once', async () => {
    const { directory, calls, faults, changed, registry, add, change, refreshed } = await rereading();
    faults.changesRead = async () => {
      directory.remember(await change('a', 5));
      directory.remember(await add('new'));
    };
    await refreshed();
    delete faults.changesRead;
    expect(changed.map(({ id, priority, status }) => [id, priority, status])).toEqual([
      ['a', 5, 'active'],
      ['last', 1, 'active'],
    ]);
    expect([(await directory.get('a')).priority, (await directory.get('new')).id]).toEqual([5, 'new']);
    expect(calls.get).toBe(2);
    changed.length = 0;
    await refreshed();
    expect(changed).toEqual([]);
    await registry.setStatus('a', 'paused');
    await refreshed();
    expect(changed.map(({ id, status }) => [id, status])).toEqual([['a', 'paused']]);
  });

  test('F2: a record that a restore has undone does not stay, although it comes during the read', async () => {
    const { directory, faults, change, refreshed } = await rereading();
    const restore = backUpFile(place.file('registry.db'));
    const undone = await change('a', 5);
    await restore();
    const latest = async () => (await change('last', 2)).version;
    while ((await latest()) < undone.version);
    faults.changesRead = async () => directory.remember(undone);
    await refreshed();
    expect((await directory.get('a')).priority).toBe(0);
  });

  test('F2: a record that a restore has undone and that looks newer is forgotten by the next refresh', async () => {
    const { directory, faults, change, refreshed } = await rereading();
    const restore = backUpFile(place.file('registry.db'));
    const undone = await change('a', 5);
    await restore();
    faults.changesRead = async () => directory.remember(undone);
    await refreshed();
    delete faults.changesRead;
    await refreshed();
    expect((await directory.get('a')).priority).toBe(0);
  });
});

describe('after the registry was restored (F2)', () => {
  /** A directory that knows 'kept', 'changed' and 'gone', of which the backup has the first two unchanged. */
  async function restored() {
    const made = await scene();
    const { directory, changed, add, change } = made;
    for (const id of ['kept', 'changed']) await add(id);
    const restore = backUpFile(place.file('registry.db'));
    await add('gone');
    await change('changed', 5);
    for (const id of ['kept', 'changed', 'gone']) await directory.get(id);
    await restore();
    const refreshed = async () => {
      jest.advanceTimersByTime(refreshMs);
      await directory.refreshIfDue();
    };
    return { ...made, changed, refreshed };
  }

  test('F2: all tenants are read again, and listeners hear of those that differ', async () => {
    const { directory, changed, calls, refreshed } = await restored();
    await refreshed();
    expect((await directory.get('changed')).priority).toBe(0);
    expect(calls.get).toBe(3);
    await expect(directory.get('gone')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
    expect(changed.map(({ id, status }) => [id, status]).sort()).toEqual([
      ['changed', 'active'],
      ['gone', 'retired'],
    ]);
    changed.length = 0;
    await refreshed();
    expect(changed).toEqual([]);
  });

  test('F2: changes after the restore are not missed, however many came before the next refresh', async () => {
    const { directory, changed, change, registry, refreshed } = await restored();
    for (const priority of [1, 2, 3]) await change('changed', priority);
    await registry.setStatus('kept', 'paused');
    await refreshed();
    expect((await directory.get('changed')).priority).toBe(3);
    expect((await directory.get('kept')).status).toBe('paused');
    await expect(directory.get('gone')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
    expect(changed.map(({ id }) => id).sort()).toEqual(['changed', 'gone', 'kept']);
    await change('kept', 7);
    await refreshed();
    expect((await directory.get('kept')).priority).toBe(7);
  });

  test('F2: a record that this process has read since its last refresh is forgotten, too', async () => {
    const { directory, changed, registry, add, change, calls } = await scene();
    for (const id of ['a', 'last']) await add(id);
    await directory.get('a');
    const restore = backUpFile(place.file('registry.db'));
    directory.remember(await change('a', 5));
    directory.remember(await add('b'));
    await restore();
    await registry.setStatus('a', 'paused');
    changed.length = 0;
    jest.advanceTimersByTime(refreshMs);
    expect(await directory.get('a')).toMatchObject({ priority: 0, status: 'paused' });
    await expect(directory.get('b')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
    expect(changed.map(({ id, status }) => [id, status]).sort()).toEqual([
      ['a', 'paused'],
      ['b', 'retired'],
    ]);
    expect(calls.changesSince.at(-1)).toBe(0);
  });
});

describe('how much a refresh reads, and when (F2)', () => {
  test('F2: at first only the version, later the changes since the last refresh', async () => {
    const { registry, directory, calls, add } = await scene();
    await add('a');
    await add('b');
    const { version } = await registry.changesSince(null);
    await directory.get('a');
    jest.advanceTimersByTime(refreshMs);
    await directory.get('a');
    expect(calls.changesSince).toEqual([null, version]);
  });

  test('F2: after a first refresh that failed, the changes since the oldest record that is known', async () => {
    const { directory, calls, faults, add, change } = await scene();
    const { version } = await add('a');
    faults.changesSince = () => Promise.reject(new Error('the registry is away'));
    await directory.get('a');
    await change('a', 5);
    await add('b');
    await directory.get('b');
    delete faults.changesSince;
    jest.advanceTimersByTime(refreshRetryMs);
    expect((await directory.get('a')).priority).toBe(5);
    expect(calls.changesSince).toEqual([null, version]);
  });

  test('F2: after one that succeeded the next is due after the whole interval', async () => {
    const { directory, calls } = await scene();
    await directory.refreshIfDue();
    jest.advanceTimersByTime(refreshMs - 1);
    await directory.refreshIfDue();
    expect(calls.changesSince).toHaveLength(1);
    jest.advanceTimersByTime(1);
    await directory.refreshIfDue();
    expect(calls.changesSince).toHaveLength(2);
  });
});
