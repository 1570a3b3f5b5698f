import type { Engine } from '../../../src/engine/engine.ts';
import { engineFor, isEmbedded, memoryRegistry } from '../../../src/fleet/engines.ts';
import { FleetHandle } from '../../../src/fleet/fleet-handle.ts';
import { type TenantInput, tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { loadSettings } from '../../../src/settings.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

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

  test('a file and a server have engines of their own', async () => {
    expect(await kindOf(engineFor(`sqlite:${place.file('registry.db')}`, settings))).toBe('sqlite');
    expect(await kindOf(engineFor('mssql://sql.example.net/registry', settings))).toBe('sqlserver');
  });

  test('a registry in memory accepts tenants on servers only where they are allowed', async () => {
    expect(await kindOf(engineFor(memoryRegistry, settings, { onServers: true }))).toBe('memory');
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
    ['tenants in files and on servers', [{ id: 'a' }, onServer], 'memory'],
    ['tenants on servers', [onServer], 'memory'],
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

  test('F8: after close it is not opened again', async () => {
    const fleet = new FleetHandle({ settings, tenants: [], logger: recordingLogger(), owner: 'host' });
    await fleet.close();
    await fleet.close();
    expect(fleet.closed.aborted).toBe(true);
    expect(() => fleet.open()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
