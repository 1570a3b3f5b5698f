/** What is written to the registry without an fsync, and brought to the disk without blocking the event loop. */
import fs from 'node:fs/promises';
import { setImmediate as immediate } from 'node:timers/promises';
import { createSqliteEngine, type SqliteEngineOptions } from '../../../src/engine/sqlite/index.ts';
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

async function registryThat(synchronous: 'full' | 'normal', onUnsynced?: SqliteEngineOptions['onUnsynced']) {
  const engine = createSqliteEngine({ registry: place.file('registry.db'), synchronous, onUnsynced });
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

/** The next fsync begins, and waits until it is told to go on, or to fail. */
function heldSync() {
  const gate = Promise.withResolvers<void>();
  jest.spyOn(fs, 'open').mockImplementationOnce(async (...given) => {
    await gate.promise;
    return open(...given);
  });
  const fail = () => gate.reject(Object.assign(new Error('disk'), { code: 'EIO' }));
  return { goOn: gate.resolve, fail };
}

/** Lets an fsync begin that something waits for. */
async function turns() {
  for (let turn = 0; turn < 3; turn++) await immediate();
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  await turns();
  return settled;
}

test('D7: reports wait for no fsync; those of one moment share one, and those of its duration the next one', async () => {
  const { engine, registry, synced } = await registryThat('full');
  const first = heldSync();
  await Promise.all([registry.report(idle), registry.report(idle)]);
  expect(synced()).toEqual([]);
  await until('the first fsync is under way', () => synced().length === 1);
  const second = heldSync();
  await registry.report(idle);
  await turns();
  await registry.report(idle);
  const { durable } = await registry.wake(['acme']);
  await turns();
  expect(synced()).toHaveLength(1);
  first.goOn();
  await until('the second fsync is under way', () => synced().length === 2);
  expect(await isSettled(durable)).toBe(false);
  second.goOn();
  await durable;
  expect(synced()).toHaveLength(2);
  await engine.close();
});

test('D7, F7: a report succeeds although its fsync fails; a wake that writes nothing, because of that report, repeats it', async () => {
  const { engine, registry, synced } = await registryThat('full');
  await (await registry.wake(['acme'])).durable;
  const held = heldSync();
  const due = { ...idle.schedule, nextDueInMs: 0 };
  expect(await registry.report({ ...idle, schedule: due })).toMatchObject({ chosen: false });
  await until('its fsync is under way', () => synced().length === 2);
  held.fail();
  await turns();
  await (await registry.wake(['acme'])).durable;
  expect(synced()).toHaveLength(3);
  await engine.close();
});

test('D7, S1: the operator hears of reports whose fsync fails, and once in ten minutes if it goes on', async () => {
  const heard: unknown[] = [];
  const now = jest.spyOn(performance, 'now').mockReturnValue(5);
  const { engine, registry } = await registryThat('full', (error) => heard.push(error));
  const failing = jest
    .spyOn(fs, 'open')
    .mockImplementation(() => Promise.reject(Object.assign(new Error('disk'), { code: 'EIO' })));
  const failed = async (reports: number) => {
    failing.mockClear();
    await Promise.all(Array.from({ length: reports }, () => registry.report(idle)));
    await until('the fsync has failed', () => failing.mock.calls.length > 0);
    await turns();
  };
  await failed(3);
  expect(heard).toEqual([expect.objectContaining({ message: expect.stringContaining('disk') })]);
  now.mockReturnValue(600_004);
  await failed(1);
  expect(heard).toHaveLength(1);
  now.mockReturnValue(600_005);
  await failed(1);
  expect(heard).toHaveLength(2);
  await engine.close();
});

test('F7: a wake fails with the fsync that it is part of, whatever is written meanwhile', async () => {
  const { engine, registry, synced } = await registryThat('full');
  const held = heldSync();
  const { durable } = await registry.wake(['acme']);
  await until('its fsync is under way', () => synced().length === 1);
  await registry.report(idle);
  held.fail();
  await expect(durable).rejects.toThrow('disk');
  await until('the report has one of its own', () => synced().length === 2);
  await engine.close();
});

test('F7: a wake relies on a durable write only if that has changed something, because SQLite syncs nothing else', async () => {
  const { engine, registry, synced } = await registryThat('full');
  const first = await registry.wake(['acme']);
  await registry.postpone('nobody', 1_000);
  await first.durable;
  expect(synced()).toHaveLength(1);
  await registry.add(tenantDefinition({ id: 'birch' }), 'key of birch');
  const second = await registry.wake(['birch']);
  await registry.postpone('acme', 1_000);
  await second.durable;
  expect(synced()).toHaveLength(1);
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
