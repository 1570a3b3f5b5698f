import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { absoluteRegistry, engineFor, isEmbedded, memoryRegistry } from '../../../src/fleet/engines.ts';
import { FleetHandle } from '../../../src/fleet/fleet-handle.ts';
import { type TenantInput, tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../../src/queue/tally.ts';
import { loadSettings } from '../../../src/settings.ts';
import { recordDiscardedConnection } from '../../../src/telemetry/metrics.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

/** The real engine; it records the options that it is created with. */
jest.mock('../../../src/engine/sqlserver/index.ts', () => {
  const real = jest.requireActual<typeof import('../../../src/engine/sqlserver/index.ts')>(
    '../../../src/engine/sqlserver/index.ts',
  );
  return { ...real, createSqlServerEngine: jest.fn(real.createSqlServerEngine) };
});

/** How many files this process may open, in place of the machine's limit. */
const openFiles = { limit: 1_000_000 };
jest.mock('../../../src/fleet/tenants/open-limit.ts', () => {
  const real = jest.requireActual<typeof import('../../../src/fleet/tenants/open-limit.ts')>(
    '../../../src/fleet/tenants/open-limit.ts',
  );
  return {
    mostOpenDatabases: (databases: { maxOpen: number }) => real.mostOpenDatabases(databases, openFiles.limit),
  };
});
beforeEach(() => {
  openFiles.limit = 1_000_000;
});

/** The real metric, which is watched. */
jest.mock('../../../src/telemetry/metrics.ts', () => {
  const real = jest.requireActual<typeof import('../../../src/telemetry/metrics.ts')>(
    '../../../src/telemetry/metrics.ts',
  );
  return { ...real, recordDiscardedConnection: jest.fn(real.recordDiscardedConnection) };
});

const created = jest.mocked(createSqlServerEngine);
const place = new SqlitePlace();
const settings = loadSettings({}, {});
const onServer = { id: 'b', server: 'example.database.windows.net', database: 'b' };

async function kindOf(engine: Promise<Engine>): Promise<string> {
  const opened = await engine;
  await opened.close();
  return opened.kind;
}

describe('the engine that a registry’s URL names (F2)', () => {
  test.each([
    ['sqlite:x.db', true],
    [memoryRegistry, true],
    ['mssql://sql.example.net/registry', false],
    ['x/sqlite:x.db', false],
  ])('%s has databases that are files: %p', (url, embedded) => {
    expect(isEmbedded(url)).toBe(embedded);
  });

  test('F2: the relative path of a registry’s file begins at the folder; an absolute one stays', () => {
    const folder = path.resolve('/app');
    const file = path.resolve('/var/registry.db');
    expect(absoluteRegistry('sqlite:data/registry.db', folder)).toBe(
      `sqlite:${path.join(folder, 'data/registry.db')}`,
    );
    expect(absoluteRegistry(`sqlite:${file}`, folder)).toBe(`sqlite:${file}`);
  });

  test.each([memoryRegistry, 'mssql://sql.example.net/registry', 'sqlite:'])(
    'F2: %s names no file, so it stays as it is',
    (url) => {
      expect(absoluteRegistry(url, path.resolve('/app'))).toBe(url);
    },
  );

  test('F2: with a registry in memory, the relative path of a tenant’s file begins at the folder', async () => {
    const engine = await engineFor(memoryRegistry, settings, { onServers: false, folder: place.folder });
    await engine.openTenant(tenantDefinition({ id: 'a', database: 'a.db' })).schema.migrate();
    await engine.close();
    expect(existsSync(place.file('a.db'))).toBe(true);
  });

  test('F2: a registry in a file has tenants in files and on servers, one on a server only those on servers', async () => {
    expect(await kindOf(engineFor(`sqlite:${place.file('registry.db')}`, settings))).toBe('mixed');
    expect(await kindOf(engineFor('mssql://sql.example.net/registry', settings))).toBe('sqlserver');
  });

  test('F8: a server’s engine has the pools that the settings describe, and one more for the registry', async () => {
    const changed = loadSettings(
      {
        sqlserver: { poolSize: 3, maxConnectionsPerServer: 17 },
        databases: { maxOpen: 5, idleCloseMs: '7s' },
      },
      {},
    );
    await kindOf(engineFor('mssql://sql.example.net/registry', changed));
    const options = created.mock.lastCall![0];
    expect(options).toMatchObject({
      registry: 'mssql://sql.example.net/registry',
      pools: { size: 3, maxConnectionsPerServer: 17, maxOpen: 6, idleCloseMs: 7_000 },
    });
    expect([options.allowedServers, options.onDiscard]).toEqual([undefined, undefined]);
    await kindOf(engineFor(memoryRegistry, settings));
    expect(created.mock.lastCall![0].registry).toBeUndefined();
  });

  test('F1: a server’s engine has the allowed servers of the settings', async () => {
    const limited = loadSettings({ sqlserver: { allowedServers: ['*.example.net'] } }, {});
    await kindOf(engineFor('mssql://sql.example.net/registry', limited));
    expect(created.mock.lastCall![0]).toMatchObject({ allowedServers: limited.sqlserver.allowedServers });
  });

  test('a registry in memory accepts tenants on servers only where they are allowed', async () => {
    expect(await kindOf(engineFor(memoryRegistry, settings, { onServers: true }))).toBe('mixed');
    expect(await kindOf(engineFor(memoryRegistry, settings, { onServers: false }))).toBe('sqlite');
  });

  test.each([
    ['postgres://user:secret@host/db', "The registry 'postgres:…' has an unknown scheme"],
    ['Server=host;Password=secret', 'The registry has an unknown scheme'],
    ['sqlite:', "The registry 'sqlite:…' has an unknown scheme"],
    ['mssql:', "The registry 'mssql:…' has an unknown scheme"],
    ['', 'The registry has an unknown scheme'],
  ])('another (%p) is refused, and no more of it is shown than its scheme', async (url, message) => {
    const refused = engineFor(url, settings);
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining(message),
    });
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('secret') });
  });
});

describe('the engine of a static directory (F2)', () => {
  test.each<[string, TenantInput[], string]>([
    ['tenants in files', [{ id: 'a' }], 'sqlite'],
    ['tenants in files and on servers', [{ id: 'a' }, onServer], 'mixed'],
    ['tenants on servers', [onServer], 'mixed'],
  ])('F2: %s', async (_, tenants, kind) => {
    const fleet = new FleetHandle({
      settings,
      tenants: tenants.map((tenant) => tenantDefinition(tenant)),
      logger: recordingLogger(),
      owner: 'host',
    });
    const { engine, registry } = await fleet.ready();
    expect(engine.kind).toBe(kind);
    expect((await registry.list()).map(({ id }) => id)).toEqual(tenants.map(({ id }) => id));
    await fleet.close();
  });

  test('F8: close closes the tenants’ databases, the registry and the engine', async () => {
    const tenant = tenantDefinition({ id: 'a' });
    const fleet = new FleetHandle({ settings, tenants: [tenant], logger: recordingLogger(), owner: 'host' });
    const { engine, registry, databases } = await fleet.ready();
    await fleet.close();
    const closed = { code: 'CLOSED' };
    await expect(databases.use(tenant, async () => {})).rejects.toMatchObject(closed);
    await expect(registry.list()).rejects.toMatchObject(closed);
    expect(() => engine.openTenant(tenant)).toThrow(expect.objectContaining(closed));
  });

  test('F1: two tenants on one database are refused, however its server and its name are written', async () => {
    const host = 'sql-1.database.windows.net';
    const spellings = [
      { server: host, database: 'Sales' },
      { server: `tcp:${host.toUpperCase()}.,1433`, database: 'sales ' },
    ];
    const fleet = new FleetHandle({
      settings,
      tenants: spellings.map((address, n) => tenantDefinition({ id: `t${n}`, ...address })),
      logger: recordingLogger(),
      owner: 'host',
    });
    await expect(fleet.open()).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
    await fleet.close();
  });

  test('F2: a fleet that could not be opened closes its engine, and is opened again by the next call', async () => {
    const twins = ['a', 'b'].map((id) => tenantDefinition({ id, database: 'same.db' }));
    const engine = place.engine();
    const close = jest.spyOn(engine, 'close');
    const fleet = new FleetHandle({
      settings,
      tenants: twins,
      logger: recordingLogger(),
      owner: 'host',
      engine,
    });
    await expect(fleet.open()).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
    expect(close).toHaveBeenCalledTimes(1);
    await expect(fleet.open()).rejects.toMatchObject({ code: 'CLOSED' });
    await fleet.close();
  });

  test.each([
    ['transaction-open', /a transaction was left open on it.*look for handlers/],
    ['call-timed-out', /a call on it timed out.*raise MULTI_OUTBOX_SQL_REQUEST_TIMEOUT/],
  ] as const)(
    'S1, D7: a connection that an engine discards (%s) is logged with what to do, and counted',
    async (reason, message) => {
      const logger = recordingLogger();
      const fleet = new FleetHandle({
        settings,
        tenants: [tenantDefinition(onServer)],
        logger,
        owner: 'host',
      });
      await fleet.ready();
      created.mock.lastCall![0].onDiscard!({ database: 'b', reason });
      expect(logger.lines).toEqual([
        { level: 'warn', message: expect.stringMatching(message), fields: { database: 'b', reason } },
      ]);
      expect(recordDiscardedConnection).toHaveBeenLastCalledWith(reason);
      await fleet.close();
    },
  );

  test('S1, D7: reports that cannot be brought to the disk are logged, although their runs do not wait for it', async () => {
    const logger = recordingLogger();
    const registry = `sqlite:${place.file('registry.db')}`;
    const fleet = new FleetHandle({
      settings: { ...settings, registry },
      tenants: undefined,
      logger,
      owner: 'host',
    });
    const { registry: opened } = await fleet.open();
    await opened.schema.migrate();
    await opened.add(tenantDefinition({ id: 'a' }), 'key of a');
    jest.spyOn(fs, 'open').mockRejectedValueOnce(Object.assign(new Error('disk'), { code: 'EIO' }));
    const report = {
      tenantId: 'a',
      outcome: 'idle',
      counts: noCounts,
      durationMs: 1,
      backlog: false,
    } as const;
    const schedule = { mode: 'set', nextDueInMs: 0, idleStreak: 0, failureStreak: 0 } as const;
    await opened.report({ ...report, schedule });
    await until('it is logged', () => logger.lines.length > 0);
    expect(logger.lines).toMatchObject([
      {
        level: 'error',
        message: expect.stringMatching(/could not be brought to the disk/),
        fields: { error: { code: expect.any(String) } },
      },
    ]);
    await fleet.close();
  });

  test('F8: a process that may open few files keeps fewer databases open than set, and says so', async () => {
    openFiles.limit = 256;
    const logger = recordingLogger();
    const fleet = new FleetHandle({ settings, tenants: [tenantDefinition(onServer)], logger, owner: 'host' });
    await fleet.open();
    expect(created.mock.lastCall![0].pools).toMatchObject({ maxOpen: 42 + 1 });
    expect(logger.lines).toMatchObject([
      { level: 'info', fields: { maxOpen: 42, set: settings.databases.maxOpen } },
    ]);
    await fleet.close();
  });

  test('F8: after close no timer runs', async () => {
    jest.useFakeTimers({ doNotFake: ['Date', 'setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const tenant = tenantDefinition({ id: 'a', database: place.file('a.db') });
      const fleet = new FleetHandle({
        settings,
        tenants: [tenant],
        logger: recordingLogger(),
        owner: 'host',
      });
      const { databases } = await fleet.ready();
      await databases.use(tenant, async () => {});
      expect(jest.getTimerCount()).toBe(1);
      await fleet.close();
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  test('F8: after close it is not opened again', async () => {
    const fleet = new FleetHandle({ settings, tenants: [], logger: recordingLogger(), owner: 'host' });
    await fleet.close();
    await fleet.close();
    expect(fleet.closed.aborted).toBe(true);
    expect(() => fleet.open()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
