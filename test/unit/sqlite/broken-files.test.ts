/** Real damage to one tenant's file: an error with a code and the tenant's id, and no harm to the next tenant. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../../src/engine/engine.ts';
import { DatabaseFile } from '../../../src/engine/sqlite/file.ts';
import { DatabaseHandle } from '../../../src/engine/sqlite/handle.ts';
import { tenantSchema } from '../../../src/engine/sqlite/migrations/index.ts';
import { SqliteWorkQueue } from '../../../src/engine/sqlite/queue/work-queue.ts';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { describeDeletingOpenFiles, testWithFileModes } from '../../support/platform.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, failure, message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

function open(engine: Engine, id = 'acme') {
  return engine.openTenant(tenantDefinition({ id })).queue('outbox');
}

/** 'acme' with messages in its outbox, closed again. */
async function filled(count = 3): Promise<string> {
  const engine = place.engine();
  const queue = await place.outbox('acme', engine);
  await queue.enqueue(Array.from({ length: count }, (_, index) => message(`payload ${index}`.padEnd(500))));
  await engine.close();
  return tenantFileOf(place);
}

/** Checks that another tenant of the engine still works. */
async function expectNeighbourWorks(engine: Engine): Promise<void> {
  const neighbour = await place.outbox('neighbour', engine);
  await neighbour.enqueue([message('fine')]);
  expect((await begin(neighbour)).messages).toMatchObject([{ payload: 'fine' }]);
}

/** Runs `work` as a user who may not write root's files, because root may write any file. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid!(65_534);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

test('D8: a missing file is an error that says how to create it, and is not created', async () => {
  const engine = place.engine();
  const error = await failure(open(engine).statistics());
  expect(error).toMatchObject({ code: 'DATABASE_MISSING', tenantId: 'acme', transient: false });
  expect(error.message).toContain('multi-outbox migrate --tenant acme');
  expect(() => statSync(tenantFileOf(place))).toThrow('ENOENT');
  await expectNeighbourWorks(engine);
});

test('D8: a folder in place of the file', async () => {
  mkdirSync(tenantFileOf(place), { recursive: true });
  const engine = place.engine();
  expect(await failure(open(engine).statistics())).toMatchObject({
    code: 'DATABASE_ERROR',
    tenantId: 'acme',
  });
  await expectNeighbourWorks(engine);
});

test('D8: a file of random bytes is corrupt, and a sound file in its place works again', async () => {
  const file = await filled();
  writeFileSync(file, randomBytes(20_000));
  const engine = place.engine();
  const queue = open(engine);
  expect(await failure(queue.enqueue([message('x')]))).toMatchObject({
    code: 'DATABASE_CORRUPT',
    tenantId: 'acme',
  });
  await expectNeighbourWorks(engine);
  rmSync(file);
  await filled();
  expect(await queue.statistics()).toMatchObject({ ready: 3 });
});

test('D8: a file that was cut off is corrupt', async () => {
  const file = await filled(2_000);
  truncateSync(file, 65_536);
  const engine = place.engine();
  const queue = open(engine);
  const codes = new Set<string>();
  for (const call of [
    () => queue.statistics(),
    () => queue.enqueue([message('x')]),
    () => begin(queue, 2_000),
  ]) {
    await call().catch((error) => codes.add(error.code));
  }
  expect([...codes]).toEqual(['DATABASE_CORRUPT']);
  await expectNeighbourWorks(engine);
});

test('D8: a database without its tables lacks its schema', async () => {
  const engine = place.engine();
  const queue = await place.outbox('acme', engine);
  await withProgram(tenantFileOf(place), (db) => db.exec('DROP TABLE Outbox'));
  expect(await failure(queue.statistics())).toMatchObject({ code: 'SCHEMA_MISSING', tenantId: 'acme' });
  await expectNeighbourWorks(engine);
});

testWithFileModes('D8: a file that may only be read', async () => {
  const file = await filled();
  chmodSync(file, 0o444);
  chmodSync(path.dirname(file), 0o555);
  chmodSync(place.folder, 0o755);
  try {
    await unprivileged(async () => {
      const engine = place.engine();
      const error = await failure(open(engine).enqueue([message('x')]));
      expect(error).toMatchObject({ code: 'DATABASE_READONLY', tenantId: 'acme', transient: false });
      await engine.close();
    });
  } finally {
    chmodSync(path.dirname(file), 0o755);
  }
  await expectNeighbourWorks(place.engine());
});

/** Skipped for root, because access(2) allows everything for root. */
const testUnlessRoot = process.geteuid?.() === 0 ? test.skip : testWithFileModes;

testUnlessRoot('D8: a file in a folder that may only be read (not as root)', async () => {
  const folder = path.dirname(await filled());
  chmodSync(folder, 0o555);
  try {
    const engine = place.engine();
    const error = await failure(open(engine).enqueue([message('x')]));
    expect(error).toMatchObject({ code: 'DATABASE_READONLY', tenantId: 'acme' });
    await engine.close();
  } finally {
    chmodSync(folder, 0o755);
  }
});

test('D8: a connection is discarded after damage, and kept after a lock or a full disk', async () => {
  const path = await filled(200);
  const file = new DatabaseFile(path, 'full');
  const handle = new DatabaseHandle(file, {
    tenantId: 'acme',
    schema: tenantSchema,
    busyTimeoutMs: 0,
  });
  const queue = new SqliteWorkQueue(handle, 'outbox');
  await queue.statistics();
  const first = file.connect();
  await withProgram(path, async (db) => {
    db.exec('BEGIN IMMEDIATE');
    expect(await failure(queue.enqueue([message('x')]))).toMatchObject({ code: 'DATABASE_LOCKED' });
    db.exec('ROLLBACK');
  });
  expect(file.connect()).toBe(first);
  first.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const sound = readFileSync(path);
  truncateSync(path, 8_192);
  expect(await failure(begin(queue))).toMatchObject({ code: 'DATABASE_CORRUPT' });
  // The content is restored in place. The file is the same, so only the error shows that the connection is unusable.
  writeFileSync(path, sound);
  expect((await begin(queue)).messages).toHaveLength(100);
  expect(file.connect()).not.toBe(first);
  file.disconnect();
});

test('D8: after a full disk, stored messages are kept and work resumes once there is space', async () => {
  await filled();
  const file = new DatabaseFile(tenantFileOf(place), 'full');
  const handle = new DatabaseHandle(file, {
    tenantId: 'acme',
    schema: tenantSchema,
    busyTimeoutMs: 1_000,
  });
  const queue = new SqliteWorkQueue(handle, 'outbox');
  const { database } = file.connect();
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${pages}`);

  const large = Array.from({ length: 100 }, () => message('x'.repeat(10_000)));
  expect(await failure(queue.enqueue(large))).toMatchObject({ code: 'DATABASE_FULL', tenantId: 'acme' });
  expect(await queue.statistics()).toMatchObject({ ready: 3 });

  // The same error occurs in the caller's transaction, which SQLite may have rolled back.
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec(`PRAGMA max_page_count = ${pages}`);
    db.exec('BEGIN IMMEDIATE');
    expect(await failure(queue.enqueue(large, db))).toMatchObject({
      code: 'DATABASE_FULL',
      tenantId: 'acme',
    });
    if (db.isTransaction) db.exec('ROLLBACK');
  });

  await expectNeighbourWorks(place.engine());
  database.exec('PRAGMA max_page_count = 1000000');
  await queue.enqueue(large);
  expect(await queue.statistics()).toMatchObject({ ready: 103 });
  file.disconnect();
});

test('D8: a file that stays locked for longer than the busy timeout', async () => {
  const file = await filled();
  const engine = place.engine({ busyTimeoutMs: 30 });
  const queue = open(engine);
  await withProgram(file, async (db) => {
    db.exec('BEGIN IMMEDIATE');
    const error = await failure(queue.enqueue([message('x')]));
    expect(error).toMatchObject({ code: 'DATABASE_LOCKED', tenantId: 'acme', transient: true });
    await expectNeighbourWorks(engine);
    db.exec('ROLLBACK');
  });
  await queue.enqueue([message('x')]);
});

test('D8: a file that another program has locked exclusively', async () => {
  const file = await filled();
  const engine = place.engine({ busyTimeoutMs: 30 });
  const queue = open(engine);
  await withProgram(file, async (db) => {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT');
    expect(await failure(queue.statistics())).toMatchObject({ code: 'DATABASE_LOCKED', transient: true });
  });
  expect(await queue.statistics()).toMatchObject({ ready: 3 });
});

describeDeletingOpenFiles('a file that changes behind an open connection', () => {
  test('deleted: the next call reports it missing', async () => {
    const engine = place.engine();
    const queue = await place.outbox('acme', engine);
    await queue.enqueue([message('x')]);
    rmSync(tenantFileOf(place));
    expect(await failure(queue.statistics())).toMatchObject({ code: 'DATABASE_MISSING', tenantId: 'acme' });
    expect(await failure(queue.enqueue([message('y')]))).toMatchObject({ code: 'DATABASE_MISSING' });
  });

  test('replaced: the next call uses the new file, which loses no data', async () => {
    const engine = place.engine();
    const queue = await place.outbox('acme', engine);
    await queue.enqueue([message('old')]);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${tenantFileOf(place)}${suffix}`, { force: true });
    const other = place.engine();
    const restored = await place.outbox('acme', other);
    await restored.enqueue([message('new'), message('newer')]);
    // The old connection must not touch the new file's WAL when it closes.
    expect(await queue.statistics()).toMatchObject({ ready: 2 });
    await other.close();
    expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['new', 'newer']);
  });
});

test('F2: an error of the registry names no tenant', async () => {
  writeFileSync(place.file('registry.db'), randomBytes(5_000));
  const error = await failure(place.engine().openRegistry().list());
  expect(error).toMatchObject({ code: 'DATABASE_CORRUPT', tenantId: undefined });
  expect(error.message).toMatch(/^the registry: /);
});
