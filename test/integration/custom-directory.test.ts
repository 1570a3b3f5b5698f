import { existsSync } from 'node:fs';
import type { Directory, DirectoryTenant } from '../../src/fleet/tenants/directory-listing.ts';
import type { MultiOutbox, MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const quick = { plan: { intervalMs: 10 }, directory: { refreshMs: 5 } } as const;

/** A directory whose list and failures the test controls. */
function listing(...tenants: DirectoryTenant[]) {
  const list = { tenants, error: undefined as Error | undefined, reads: 0 };
  const directory: Directory = {
    name: 'test',
    async *read() {
      list.reads++;
      if (list.error) throw list.error;
      yield* list.tenants;
    },
  };
  return { list, directory };
}

async function hostOf(directory: Directory, options: MultiOutboxOptions = {}): Promise<MultiOutbox> {
  const host = place.face({ tenants: directory, ...quick, ...options });
  await migrated(host);
  return host;
}

async function migrated(host: MultiOutbox): Promise<void> {
  for (const { error } of await host.migrate()) if (error) throw new Error(error.message);
}

/** Runs the host while the test does something. */
async function whileRunning(host: MultiOutbox, action: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const running = host.run({ signal: stop.signal });
  try {
    await action();
  } finally {
    stop.abort();
    await running;
  }
}

const send = (host: MultiOutbox, id: string, payload: string) =>
  host.outbox(id).enqueue({ topic: 'orders', payload });
const statuses = async (host: MultiOutbox) =>
  Object.fromEntries((await host.tenants.list()).map(({ id, status }) => [id, status]));

describe.each([
  ['in a registry', {}],
  ['in memory', { registry: 'sqlite::memory:' }],
])('a directory of the user’s own, the schedule %s (F2)', (_, options) => {
  const entry = (id: string, more: object = {}): DirectoryTenant => ({
    id,
    database: place.file(`tenants/${id}.db`),
    ...more,
  });

  test('F2: its tenants are dispatched; so are newly listed ones, without a restart', async () => {
    const { seen, handlers } = noting();
    const { list, directory } = listing();
    const host = await hostOf(directory, { handlers, ...options });
    expect(await host.status()).toMatchObject({ tenants: { active: 0 } });
    await whileRunning(host, async () => {
      list.tenants = [entry('a', { priority: 7, tags: { plan: 'gold' } })];
      await until('it is known', async () => 'a' in (await statuses(host)));
      await migrated(host);
      await send(host, 'a', '1');
      await until('it is served', () => seen.includes('a:1'));
    });
    expect(await host.tenants.get('a')).toMatchObject({
      priority: 7,
      tags: { plan: 'gold', directory: 'test' },
    });
  });

  test('F2: tenants are changed, paused, resumed, removed and restored while the host runs', async () => {
    const { seen, handlers } = noting();
    const { list, directory } = listing(entry('a'), entry('b'));
    const host = await hostOf(directory, { handlers, ...options });
    const servedWithB = async (payload: string) => {
      await send(host, 'b', payload);
      await until('b is served', () => seen.includes(`b:${payload}`));
    };
    await whileRunning(host, async () => {
      list.tenants = [entry('a', { status: 'paused' }), entry('b')];
      await until('it is paused', async () => (await statuses(host)).a === 'paused');
      await send(host, 'a', 'while paused');
      for (const payload of ['1', '2']) await servedWithB(payload);
      expect(seen).not.toContain('a:while paused');
      list.tenants = [entry('a', { status: 'active', weight: 3 }), entry('b')];
      await until('it is served', () => seen.includes('a:while paused'));
      expect(await host.tenants.get('a')).toMatchObject({ weight: 3 });
      const log = place.file('tenants/a.db-wal');
      await until('its database is open', () => existsSync(log));
      list.tenants = [entry('b')];
      await until('it is retired', async () => (await statuses(host)).a === 'retired');
      // SQLite removes this file when the last connection is closed.
      await until('its connections are closed', () => !existsSync(log));
      await expect(send(host, 'a', 'gone')).rejects.toMatchObject({ code: 'TENANT_NOT_ACTIVE' });
      list.tenants = [entry('a'), entry('b')];
      await until('it is back', async () => (await statuses(host)).a === 'active');
      await send(host, 'a', 'back');
      await until('it is served again', () => seen.includes('a:back'));
      // The tenant is renamed: the list has another id with the same database.
      list.tenants = [entry('c', { database: place.file('tenants/a.db') }), entry('b')];
      await until('the new name is known', async () => (await statuses(host)).c === 'active');
      await send(host, 'c', 'renamed');
      await until('it is served under it', () => seen.includes('c:renamed'));
      // The tenant is moved to another file.
      list.tenants = [entry('c'), entry('b')];
      await until('it has moved', async () => (await host.tenants.get('c')).database.endsWith('c.db'));
      await migrated(host);
      await send(host, 'c', 'moved');
      await until('it is served there', () => seen.includes('c:moved'));
    });
  });

  test('F2: a list that cannot be read keeps the last good one, and is read again soon', async () => {
    const { seen, handlers } = noting();
    const logger = recordingLogger();
    const { list, directory } = listing(entry('a'));
    const settings = { refreshMs: 5 };
    const host = await hostOf(directory, { handlers, logger, ...options, directory: settings });
    await whileRunning(host, async () => {
      list.error = new Error('the file is being written');
      const { reads } = list;
      await until('it was read in vain', () => list.reads > reads + 3);
      await send(host, 'a', '1');
      await until('it is served all the same', () => seen.includes('a:1'));
      list.error = undefined;
      list.tenants = [entry('a'), entry('b')];
      await until('the new one is known', async () => 'b' in (await statuses(host)));
    });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        fields: { directory: 'test', error: 'the file is being written' },
      }),
    );
  });

  test('F2: until the first read succeeds, every call fails with its reason', async () => {
    const { list, directory } = listing(entry('a'));
    const host = place.face({ tenants: directory, ...quick, ...options, handlers: noting().handlers });
    await place.registry();
    list.error = new Error('no such table: Customers');
    const unavailable = { code: 'REGISTRY_UNAVAILABLE', message: expect.stringContaining('no such table') };
    await expect(host.plan()).rejects.toMatchObject(unavailable);
    await expect(host.outbox('a').statistics()).rejects.toMatchObject(unavailable);
    await expect(host.migrate()).rejects.toMatchObject(unavailable);
    list.error = undefined;
    await until('it was read', () =>
      host.status().then(
        ({ tenants }) => tenants.active === 1,
        () => false,
      ),
    );
  });

  test('F2: an invalid entry is logged once, and does not affect the others', async () => {
    const logger = recordingLogger();
    const { list, directory } = listing(
      entry('a', { weight: -1 }),
      entry('b'),
      entry('b'),
      { id: 'c', database: place.file('tenants/b.db') },
      null as never,
      entry('d', { status: 'asleep' }),
      entry('e'),
    );
    const host = await hostOf(directory, { logger, ...options });
    expect(await statuses(host)).toEqual({ b: 'active', e: 'active' });
    const { reads } = list;
    await until('it was read again', async () => (await host.status()) && list.reads > reads + 2);
    const problems = logger.lines.map(({ fields }) => fields.problem);
    expect(problems).toEqual([
      expect.stringContaining("'a' cannot be registered: weight"),
      expect.stringContaining("'b' is listed twice"),
      expect.any(String),
      expect.stringContaining("'d' cannot be registered: status"),
      expect.stringContaining("belongs to tenant 'b'"),
    ]);
    // A known tenant whose entry becomes invalid stays as it was.
    list.tenants = [entry('b', { weight: -1 }), entry('e')];
    await until('it was said', async () => (await host.status()) && logger.lines.length > problems.length);
    expect(await host.tenants.get('b')).toMatchObject({ status: 'active', weight: 1 });
  });
});

describe('a directory and a registry that others use (F2)', () => {
  test('F2: an operator’s pause outlasts a list that is empty for a moment, and a list that says active', async () => {
    const { seen, handlers } = noting();
    const { list, directory } = listing({ id: 'a' }, { id: 'b' });
    const host = await hostOf(directory, { handlers });
    const operator = place.face();
    await operator.tenants.pause('a');
    await send(host, 'a', 'while paused');
    await whileRunning(host, async () => {
      list.tenants = [];
      await until('both are retired', async () => {
        const now = await statuses(operator);
        return now.a === 'retired' && now.b === 'retired';
      });
      list.tenants = [{ id: 'a' }, { id: 'b' }];
      await until('b is back', async () => (await statuses(operator)).b === 'active');
      await until('a is back', async () => (await statuses(operator)).a !== 'retired');
      expect((await statuses(operator)).a).toBe('paused');
      list.tenants = [{ id: 'a', status: 'active', weight: 2 }, { id: 'b' }];
      await until('the list is taken', async () => (await operator.tenants.get('a')).weight === 2);
      const { version } = await operator.tenants.get('a');
      const { reads } = list;
      await until('it is read again', () => list.reads > reads + 2);
      expect(await operator.tenants.get('a')).toMatchObject({ status: 'paused', version });
      expect(seen).toEqual([]);
      await operator.tenants.resume('a');
      await until('it is dispatched', () => seen.includes('a:while paused'));
    });
  });

  test('F2: the directory resumes what it has paused itself', async () => {
    const { list, directory } = listing({ id: 'a', status: 'paused' });
    const host = await hostOf(directory);
    expect(await statuses(host)).toEqual({ a: 'paused' });
    list.tenants = [];
    await until('it is retired', async () => (await statuses(host)).a === 'retired');
    list.tenants = [{ id: 'a' }];
    await until('it is active', async () => (await statuses(host)).a === 'active');
  });

  test('F2: changes by operators last unless the directory says otherwise, and their own tenants are not changed', async () => {
    const { list, directory } = listing({ id: 'a' }, { id: 'b' });
    const host = await hostOf(directory);
    await host.tenants.add({ id: 'theirs' });
    await host.tenants.pause('a');
    list.tenants = [{ id: 'a', weight: 2 }];
    await until('b is retired', async () => (await statuses(host)).b === 'retired');
    expect(await statuses(host)).toEqual({ a: 'paused', b: 'retired', theirs: 'active' });
    expect(await host.tenants.get('a')).toMatchObject({ weight: 2 });
    // From now on the directory lists this tenant, so the tenant is the directory's.
    list.tenants = [{ id: 'theirs' }];
    await until('a is retired', async () => (await statuses(host)).a === 'retired');
    list.tenants = [];
    await until('it went with the list', async () => (await statuses(host)).theirs === 'retired');
  });

  test('F2: of two directories that list one tenant the first keeps it', async () => {
    const logger = recordingLogger();
    await hostOf(listing({ id: 'a' }).directory);
    const other = await hostOf(
      { name: 'other', read: () => [{ id: 'a', weight: 9 }, { id: 'b' }] },
      { logger },
    );
    expect((await other.tenants.get('a')).weight).toBe(1);
    expect(await statuses(other)).toEqual({ a: 'active', b: 'active' });
    expect(logger.lines[0]!.fields.problem).toContain("already listed by the directory 'test'");
  });

  test('F2: a host that starts while the list cannot be read dispatches the registry’s tenants', async () => {
    const { seen, handlers } = noting();
    const { list, directory } = listing({ id: 'a' });
    await send(await hostOf(directory), 'a', '1');
    list.error = new Error('away');
    const host = place.face({ tenants: directory, handlers, ...quick });
    await host.tick();
    expect(seen).toEqual(['a:1']);
  });

  test('F2: two hosts refresh one registry, one at a time', async () => {
    let reading = 0;
    let most = 0;
    const { list, directory } = listing({ id: 'a' });
    const slow: Directory = {
      name: 'test',
      async *read(signal) {
        most = Math.max(most, ++reading);
        await new Promise((resolve) => setImmediate(resolve));
        yield* directory.read(signal) as AsyncIterable<DirectoryTenant>;
        reading--;
      },
    };
    const { seen, handlers } = noting();
    const one = await hostOf(slow, { handlers });
    const other = place.face({ tenants: slow, handlers, ...quick });
    await whileRunning(one, () =>
      whileRunning(other, async () => {
        for (const id of ['b', 'c', 'd']) {
          list.tenants = [...list.tenants, { id }];
          await until('it is known', async () => id in (await statuses(other)));
          await migrated(one);
          await send(other, id, '1');
          await until('it is served', () => seen.includes(`${id}:1`));
        }
      }),
    );
    expect(most).toBe(1);
  });

  test('F2: while another host does the first refresh, calls say so, not that a tenant is unknown', async () => {
    const { list, directory } = listing({ id: 'a' });
    const host = place.face({ tenants: directory, ...quick });
    const registry = await place.registry();
    await registry.leases.acquire({ name: 'directory', owner: 'host-1', durationMs: 60_000 });
    const early = {
      code: 'REGISTRY_UNAVAILABLE',
      transient: true,
      message: /'host-1' is synchronising the two now/,
    };
    for (const call of [() => send(host, 'a', '1'), () => host.plan(), () => host.migrate()]) {
      await expect(call()).rejects.toMatchObject({ ...early, message: expect.stringMatching(early.message) });
    }
    expect(list.reads).toBe(0);
    // The other host has reached this point.
    const other = place.face({ registry: place.registryUrl });
    await other.tenants.add({ id: 'a', tags: { directory: 'test' } });
    await until('its tenants are known', () =>
      host.plan().then(
        () => true,
        () => false,
      ),
    );
    await migrated(host);
    await send(host, 'a', '1');
    expect(list.reads).toBe(0);
  });

  test('F2: simultaneous calls that need a new list share one reading', async () => {
    const logger = recordingLogger();
    const { list, directory } = listing({ id: 'a' });
    const host = place.face({ tenants: directory, logger, ...quick, directory: { refreshMs: 60_000 } });
    await place.registry();
    await Promise.all([migrated(host), migrated(host), migrated(host)]);
    expect([list.reads, logger.lines]).toEqual([1, []]);
  });

  test.each([
    ['none', { id: null as never }],
    ['one that is not an id', { id: 'Birch' }],
  ])(
    'F2: while an entry has %s no tenant is retired, because the entry may be any tenant’s',
    async (_, broken) => {
      const logger = recordingLogger();
      const { list, directory } = listing({ id: 'acme' }, { id: 'birch' });
      const host = await hostOf(directory, { logger });
      list.tenants = [{ id: 'acme', weight: 2 }, broken, { id: 'cedar' }];
      await until('the rest is taken', async () => 'cedar' in (await statuses(host)));
      expect(await statuses(host)).toEqual({ acme: 'active', birch: 'active', cedar: 'active' });
      expect(logger.lines[0]!.fields.problem).toContain('no tenant is retired until it is corrected');
      list.tenants = [{ id: 'acme' }, { id: 'cedar' }];
      await until('it is retired', async () => (await statuses(host)).birch === 'retired');
    },
  );

  test('the directory’s lease is free after a refresh, and a held one postpones the refresh', async () => {
    const { list, directory } = listing();
    const host = await hostOf(directory);
    const { leases } = await place.registry();
    expect(await leases.list()).toContainEqual(expect.objectContaining({ name: 'directory', held: false }));
    await leases.acquire({ name: 'directory', owner: 'another host', durationMs: 60_000 });
    list.tenants = [{ id: 'a' }];
    const { reads } = list;
    for (let time = 0; time < 5; time++) await host.plan();
    expect([await statuses(host), list.reads]).toEqual([{}, reads]);
    await host.leases().release('directory');
    await until('it goes on', async () => 'a' in (await statuses(host)));
  });
});

test.each([
  ['no read', { name: 'x' }],
  ['no name', { read: () => [] }],
  ['an empty name', { name: '', read: () => [] }],
  ['nothing', null],
])('a directory with %s is refused at once', (_, directory) => {
  expect(() => place.face({ tenants: directory as never })).toThrow(
    expect.objectContaining({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining('{ name, read }'),
    }),
  );
});

test('F2: closing the multi-outbox ends the reading of a list that never ends', async () => {
  let ended = false;
  let read = 0;
  const host = place.face({
    registry: 'sqlite::memory:',
    tenants: {
      name: 'endless',
      async *read() {
        try {
          for (;;) {
            read++;
            // Every hundredth entry takes a turn of the event loop.
            if (read % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
            yield { id: `t${read}` };
          }
        } finally {
          ended = true;
        }
      },
    },
  });
  const failing = expect(host.status()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  await until('it is being read', () => read > 1_000);
  await host.close();
  await failing;
  await until('it is given up', () => ended);
});

test('closing the multi-outbox aborts the signal of a read in progress', async () => {
  let told = false;
  const host = place.face({
    registry: 'sqlite::memory:',
    tenants: {
      name: 'slow',
      read: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            told = true;
            reject(signal.reason);
          });
        }),
    },
  });
  const status = host.status();
  const failing = expect(status).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  await new Promise((resolve) => setImmediate(resolve));
  await host.close();
  await failing;
  expect(told).toBe(true);
});
