import type { Engine, TenantAddress, TenantDatabase } from '../../../../src/engine/engine.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { OpenDatabases } from '../../../../src/fleet/tenants/open-databases.ts';
import { deferred } from '../../../support/deferred.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { until } from '../../../support/until.ts';

const place = new SqlitePlace();
const open: OpenDatabases[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** Databases on the real engine, which records each opening and closing. */
function scene({ maxOpen = 2, idleCloseMs = 60_000, failClose = false } = {}) {
  const engine = place.engine();
  const events: string[] = [];
  const opened = new Set<TenantDatabase>();
  const watched: Engine = Object.assign(Object.create(engine), {
    openTenant(address: TenantAddress) {
      const real = engine.openTenant(address);
      events.push(`open ${address.id}`);
      const database: TenantDatabase = Object.assign(Object.create(real), {
        queue: real.queue.bind(real),
        async close() {
          events.push(`close ${address.id}`);
          opened.delete(database);
          await real.close();
          if (failClose) throw new Error('the connection broke while closing');
        },
      });
      opened.add(database);
      return database;
    },
  });
  const databases = new OpenDatabases(watched, { maxOpen, idleCloseMs });
  open.push(databases);
  const use = (id: string, action: (database: TenantDatabase) => Promise<unknown> = async () => {}) =>
    databases.use(tenantDefinition({ id }), action);
  return { databases, events, opened, use };
}

describe('open tenant databases (F8)', () => {
  test('F8: opened when first used, and once', async () => {
    const { databases, events, use } = scene();
    expect(databases.size).toBe(0);
    await use('a');
    await use('a');
    expect(events).toEqual(['open a']);
  });

  test('F8: with too many, the one that was opened last is closed for the next; by chance another one', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.99);
    try {
      const { events, use } = scene();
      for (const id of ['a', 'b', 'a', 'c']) await use(id);
      expect(events).toEqual(['open a', 'open b', 'open c', 'close b']);
      await use('b');
      expect(events.slice(4)).toEqual(['open b', 'close c']);
      random.mockReturnValue(0);
      await use('c');
      expect(events.slice(6)).toEqual(['open c', 'close a']);
    } finally {
      random.mockRestore();
    }
  });

  test('F8: tenants in turn, more than may be open: most of those that fit are found open', async () => {
    const { events, use } = scene({ maxOpen: 10 });
    const ids = Array.from({ length: 15 }, (_, index) => `t${index}`);
    for (let round = 0; round < 12; round++) for (const id of ids) await use(id);
    const opened = events.filter((event) => event.startsWith('open')).length;
    // The rule that closes the least recently used opens one at each of the 180 uses; 15 + 11 × 6 are unavoidable.
    expect(opened).toBeLessThan(130);
  });

  test('F8: the cap holds while the newest is in use', async () => {
    const { opened, use } = scene();
    await use('a');
    await use('b');
    const gate = deferred();
    const busy = use('c', () => gate.promise);
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened.size).toBe(2);
    gate.resolve();
    await busy;
  });

  test('F8: one that is in use is never closed; too many in use are closed down to the cap afterwards', async () => {
    const { databases, opened, events, use } = scene();
    const gate = deferred();
    const busy = ['a', 'b', 'c', 'd'].map((id) => use(id, () => gate.promise));
    await use('e');
    expect(events.filter((event) => event.startsWith('close'))).toEqual(['close e']);
    expect(opened.size).toBe(4);
    gate.resolve();
    await Promise.all(busy);
    expect(databases.size).toBe(2);
    expect(opened.size).toBe(2);
  });

  test('F8: the idle are closed, the used are kept', async () => {
    const { databases, events, use } = scene({ idleCloseMs: 20 });
    const gate = deferred();
    const busy = use('a', () => gate.promise);
    await use('b');
    await until('b is closed', () => events.includes('close b'));
    expect(events).not.toContain('close a');
    expect(databases.size).toBe(1);
    gate.resolve();
    await busy;
    await until('a is closed, too', () => databases.size === 0);
  });

  test('F8: the timer that closes the idle neither overflows nor keeps the process running', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const interval = jest.spyOn(globalThis, 'setInterval');
    const before = timers();
    const { use } = scene({ idleCloseMs: 300 * 86_400_000 });
    await use('a');
    await use('b');
    expect(interval.mock.calls.map(([, ms]) => ms)).toEqual([2_147_483_647]);
    expect(timers()).toBe(before);
    interval.mockRestore();
  });

  test('F2: a tenant that moved gets a new database at once; the old one is closed when it is free', async () => {
    const { databases, events, opened } = scene();
    const gate = deferred();
    const before = tenantDefinition({ id: 'a', database: 'before.db' });
    const after = tenantDefinition({ id: 'a', database: 'after.db' });
    const used: unknown[] = [];
    const busy = databases.use(before, async (database) => {
      used.push(database);
      await gate.promise;
    });
    await databases.use(after, async (database) => used.push(database));
    expect(events).toEqual(['open a', 'open a']);
    expect(used[0]).not.toBe(used[1]);
    gate.resolve();
    await busy;
    expect(opened).toEqual(new Set([used[1]]));
  });

  test('F2: the database of a removed tenant stays open for all who use it, and their signals fire', async () => {
    const { databases, events } = scene();
    const gates = [deferred(), deferred()];
    const signals: AbortSignal[] = [];
    const busy = gates.map((gate) =>
      databases.use(tenantDefinition({ id: 'a' }), (_, changed) => {
        signals.push(changed);
        return gate.promise;
      }),
    );
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    await databases.retire('a');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    gates[0]!.resolve();
    await busy[0];
    expect(events).toEqual(['open a']);
    gates[1]!.resolve();
    await busy[1];
    expect(events).toEqual(['open a', 'close a']);
  });

  test('Q15: no database is opened for a tenant whose definition cannot be read', async () => {
    const { databases, events } = scene();
    const unreadable = { definition: ['Auth'], schedule: [] };
    const tenant = { ...tenantDefinition({ id: 'a' }), unreadable };
    await expect(databases.use(tenant, async () => {})).rejects.toMatchObject({
      code: 'INVALID_TENANT',
      tenantId: 'a',
    });
    expect(events).toEqual([]);
  });

  test('F2: the database of a removed tenant is closed when it is free', async () => {
    const { databases, events, use } = scene();
    const gate = deferred();
    const busy = use('a', () => gate.promise);
    await databases.retire('a');
    expect(events).toEqual(['open a']);
    gate.resolve();
    await busy;
    expect(events).toEqual(['open a', 'close a']);
    await databases.retire('a');
    expect(events).toHaveLength(2);
  });

  test('D8: a failed close fails neither the action before it nor the process', async () => {
    const { databases, use } = scene({ failClose: true, maxOpen: 1 });
    const answer = await databases.use(tenantDefinition({ id: 'a' }), async () => {
      await databases.retire('a');
      return 42;
    });
    expect(answer).toBe(42);
    await use('b');
    await use('c');
    await databases.close();
  });

  test('an error of the action is thrown on, and the database is free again', async () => {
    const { databases, events, use } = scene();
    await expect(use('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await databases.retire('a');
    expect(events).toEqual(['open a', 'close a']);
  });

  test('after close, calls fail with CLOSED and open databases are closed', async () => {
    const { databases, events, use } = scene();
    await use('a');
    await databases.close();
    await databases.close();
    expect(events).toEqual(['open a', 'close a']);
    await expect(use('a')).rejects.toMatchObject({ code: 'CLOSED', tenantId: 'a' });
  });
});

describe('the idle time of a database (F8)', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'setTimeout', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('F8: it begins anew with each use, and ends at its very millisecond', async () => {
    const { events, use } = scene({ idleCloseMs: 10_000 });
    await use('a');
    jest.advanceTimersByTime(9_000);
    await use('a');
    await use('b');
    jest.advanceTimersByTime(9_000);
    expect(events).toEqual(['open a', 'open b']);
    jest.advanceTimersByTime(1_000);
    expect(events.slice(2)).toEqual(['close a', 'close b']);
  });

  test.each([
    [1, 1],
    [15, 2],
    [60_000, 6_000],
  ])('F8: with %p ms the idle databases are looked for every %p ms', async (idleCloseMs, everyMs) => {
    const interval = jest.spyOn(globalThis, 'setInterval');
    const { use } = scene({ idleCloseMs });
    await use('a');
    expect(interval.mock.calls.map(([, ms]) => ms)).toEqual([everyMs]);
  });

  test('F8: once all are closed for good, no timer is left', async () => {
    const { databases, use } = scene();
    await use('a');
    expect(jest.getTimerCount()).toBe(1);
    await databases.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});
