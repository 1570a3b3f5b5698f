import { FleetHandle, type FleetHandleOptions } from '../../../src/fleet/fleet-handle.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import type { Directory, DirectoryTenant } from '../../../src/fleet/tenants/directory-listing.ts';
import { loadSettings } from '../../../src/settings.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();
/** What this process knows, it does not read again during a test. */
const settings = loadSettings({ directory: { refreshMs: '1h' } }, {});

/** A fleet on the registry of the folder, which `registry` sees as another host. */
async function scene(tenants?: FleetHandleOptions['tenants']) {
  const registry = await place.registry();
  const engine = place.engine();
  const fleet = new FleetHandle({ settings, tenants, logger: recordingLogger(), owner: 'host', engine });
  return { fleet, registry, engine };
}

const twins = ['a', 'b'].map((id) => tenantDefinition({ id, database: 'same.db' }));

describe('the tenants of a fleet', () => {
  test('F2, F9: a change that a call has read ends the use of the tenant’s database, and the listeners hear of it', async () => {
    const { fleet, registry } = await scene();
    await registry.add(tenantDefinition({ id: 'a' }), 'key-of-a');
    const { directory, databases } = await fleet.ready();
    const told: string[] = [];
    fleet.onTenantChange((id) => told.push(id));
    const gate = deferred();
    const changes: AbortSignal[] = [];
    const using = databases.use(await directory.get('a'), async (_, changed) => {
      changes.push(changed);
      await gate.promise;
    });
    fleet.remember(await registry.setStatus('a', 'paused'));
    await turns();
    expect(told).toEqual(['a']);
    expect(changes).toMatchObject([{ aborted: true }]);
    expect((await directory.get('a')).status).toBe('paused');
    gate.resolve();
    await using;
    await fleet.close();
  });

  test('F2: a record that a call has read before the fleet is open opens nothing', async () => {
    const { fleet, registry, engine } = await scene();
    const open = jest.spyOn(engine, 'openRegistry');
    fleet.remember(await registry.add(tenantDefinition({ id: 'a' }), 'key-of-a'));
    await turns();
    expect(open).not.toHaveBeenCalled();
    await fleet.close();
  });

  test('F2: once it is ready, the registry has the tenants of the user’s directory; changes of the list are known at once', async () => {
    let list: DirectoryTenant[] = [{ id: 'a' }];
    const { fleet, registry } = await scene({ name: 'test', read: () => list });
    const { directory, sync } = await fleet.ready();
    expect((await registry.list()).map(({ id }) => id)).toEqual(['a']);
    expect((await directory.get('a')).weight).toBe(1);
    list = [{ id: 'a', weight: 7 }];
    await sync!.now();
    expect((await directory.get('a')).weight).toBe(7);
    await fleet.close();
  });
});

describe('the end of a fleet (D5)', () => {
  test('D5: stop fires the signal and waits for the work; the databases stay open until close', async () => {
    const { fleet } = await scene();
    const { registry } = await fleet.ready();
    const work = deferred();
    void fleet.track(work.promise);
    let isOver = false;
    const stopping = fleet.stop().then(() => {
      isOver = true;
    });
    await turns();
    expect(fleet.closed).toMatchObject({ aborted: true, reason: { code: 'CLOSED' } });
    expect(isOver).toBe(false);
    work.resolve();
    await stopping;
    expect(await registry.list()).toEqual([]);
    await fleet.close();
    await expect(registry.list()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('F2: stop waits until the refresh of the user’s directory has released its lease', async () => {
    const reading = deferred();
    const directory: Directory = {
      name: 'slow',
      read: () => {
        reading.resolve();
        return new Promise(() => {});
      },
    };
    const { fleet, registry } = await scene(directory);
    const refused = expect(fleet.ready()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    await reading.promise;
    expect(await registry.leases.list()).toMatchObject([{ name: 'directory', held: true }]);
    await fleet.stop();
    expect(await registry.leases.list()).toMatchObject([{ name: 'directory', held: false }]);
    await refused;
    await fleet.close();
  });

  test.each(['stop', 'close'] as const)(
    'D5: %s before it was opened, and while it fails to open',
    async (verb) => {
      const { fleet } = await scene();
      await fleet[verb]();
      expect(fleet.closed.aborted).toBe(true);
      const { fleet: failing } = await scene(twins);
      const opening = expect(failing.open()).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
      await failing[verb]();
      await opening;
    },
  );
});
