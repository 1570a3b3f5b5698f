/** What is written to the registry without an fsync, and brought to the disk without blocking the event loop. */
import fs from 'node:fs/promises';
import { setImmediate as immediate } from 'node:timers/promises';
import { createSqliteEngine } from '../../../src/engine/sqlite/index.ts';
import type { TenantReport } from '../../../src/engine/tenant-report.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
const { open } = fs;
const idle: TenantReport = {
  tenantId: 'acme',
  outcome: 'idle',
  counts: { done: 0, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 },
  durationMs: 1,
  backlog: false,
  schedule: { nextDueInMs: 60_000, mode: 'set', idleStreak: 1, failureStreak: 0 },
};

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

test('D7: reports wait for no fsync; those of one moment share one, and those of its duration the next one', async () => {
  const { engine, registry, synced } = await registryThat('full');
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  jest.spyOn(fs, 'open').mockImplementationOnce(async (...given) => {
    await begun;
    return open(...given);
  });
  await Promise.all([registry.report(idle), registry.report(idle)]);
  expect(synced()).toEqual([]);
  await until('the first fsync is under way', () => synced().length === 1);
  await registry.report(idle);
  await immediate();
  await registry.report(idle);
  const { durable } = await registry.wake(['acme']);
  await immediate();
  expect(synced()).toHaveLength(1);
  begin();
  await durable;
  expect(synced()).toHaveLength(2);
  await engine.close();
});

test('D7: a report succeeds although its fsync fails; the next one repeats it', async () => {
  const { engine, registry, synced } = await registryThat('full');
  jest.spyOn(fs, 'open').mockRejectedValueOnce(Object.assign(new Error('disk'), { code: 'EIO' }));
  expect(await registry.report(idle)).toMatchObject({ chosen: false });
  await until('the fsync has failed', () => synced().length === 1);
  await (await registry.wake(['acme'])).durable;
  expect(synced()).toHaveLength(2);
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
