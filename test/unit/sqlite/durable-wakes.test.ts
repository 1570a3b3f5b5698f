import fs from 'node:fs/promises';
import { createSqliteEngine } from '../../../src/engine/sqlite/index.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();

afterEach(() => {
  jest.restoreAllMocks();
});

async function registryThat(synchronous: 'full' | 'normal') {
  const engine = createSqliteEngine({ registry: place.file('registry.db'), synchronous });
  const registry = engine.openRegistry();
  await registry.schema.migrate();
  await registry.add(tenantDefinition({ id: 'acme' }), 'key');
  const opened = jest.spyOn(fs, 'open');
  return { engine, registry, synced: () => opened.mock.calls.map(([file]) => file) };
}

test('F7: a wake is brought to the disk without blocking the event loop; one that writes nothing relies on it', async () => {
  const { engine, registry, synced } = await registryThat('full');
  const first = await registry.wake(['acme']);
  const again = await registry.wake(['acme']);
  await Promise.all([first.durable, again.durable]);
  expect(synced()).toEqual([place.file('registry.db-wal')]);
  await engine.close();
});

test('F7: an fsync that fails fails the wake, and is repeated by the next one', async () => {
  const { engine, registry } = await registryThat('full');
  jest.spyOn(fs, 'open').mockRejectedValueOnce(Object.assign(new Error('disk'), { code: 'EIO' }));
  const { durable } = await registry.wake(['acme']);
  await expect(durable).rejects.toThrow('disk');
  const again = await registry.wake(['acme']);
  await expect(again.durable).resolves.toBeUndefined();
  await engine.close();
});

test('F7: with the setting normal, a wake waits for no fsync; nor does it once SQLite has removed the WAL', async () => {
  const { engine, registry, synced } = await registryThat('normal');
  await (await registry.wake(['acme'])).durable;
  expect(synced()).toEqual([]);
  await engine.close();
  const full = createSqliteEngine({ registry: place.file('registry.db'), synchronous: 'full' });
  const reopened = full.openRegistry();
  const { durable } = await reopened.wake(['acme'], { capacity: 1, redispatchMs: 60_000 });
  await full.close();
  await expect(durable).resolves.toBeUndefined();
});
