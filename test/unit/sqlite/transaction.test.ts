/** Joining a transaction of the application's own node:sqlite connection (Q3). */
import { symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import BetterSqlite from 'better-sqlite3';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { failure, message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

test('Q3: a value that is not a node:sqlite connection is refused', async () => {
  const queue = await place.outbox();
  for (const transaction of [{}, 'BEGIN', 7, { isTransaction: true }]) {
    const error = await failure(queue.enqueue([message('x')], transaction));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', tenantId: 'acme' });
  }
  expect(await queue.statistics()).toMatchObject({ ready: 0 });
});

test('Q3: without a transaction, or with null, the message is stored at once', async () => {
  const queue = await place.outbox();
  for (const transaction of [undefined, null]) await queue.enqueue([message('x')], transaction);
  expect(await queue.statistics()).toMatchObject({ ready: 2 });
});

test('Q3: a database in memory is another database', async () => {
  const queue = await place.outbox();
  const memory = new DatabaseSync(':memory:');
  memory.exec('BEGIN');
  const error = await failure(queue.enqueue([message('x')], memory));
  expect(error).toMatchObject({ code: 'WRONG_DATABASE', tenantId: 'acme' });
  memory.close();
});

test('Q3: the transaction of another tenant is refused, and stays open', async () => {
  const engine = place.engine();
  const queue = await place.outbox('acme', engine);
  await place.tenant('other', engine);
  await withProgram(tenantFileOf(place, 'other'), async (db) => {
    db.exec('BEGIN');
    expect(await failure(queue.enqueue([message('x')], db))).toMatchObject({ code: 'WRONG_DATABASE' });
    // COMMIT fails when no transaction is open.
    db.exec('COMMIT');
    expect(db.prepare('SELECT count(*) AS count FROM Outbox').get()).toMatchObject({ count: 0 });
  });
});

test('Q3: a connection that was closed has no transaction', async () => {
  const queue = await place.outbox();
  const db = new DatabaseSync(tenantFileOf(place));
  db.close();
  expect(await failure(queue.enqueue([message('x')], db))).toMatchObject({ code: 'TRANSACTION_NOT_OPEN' });
});

test('Q3: the message is stored before the call returns its promise', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('BEGIN');
    const enqueued = queue.enqueue([message('x')], db);
    db.exec('COMMIT');
    expect(await enqueued).toMatchObject([{ status: 'enqueued' }]);
  });
  expect(await queue.statistics()).toMatchObject({ ready: 1 });
});

test('Q3: tenant and application may reach the file by different paths', async () => {
  const engine = place.engine();
  const queue = await place.outbox('acme', engine);
  const link = place.file('link.db');
  symlinkSync(tenantFileOf(place), link);
  const linked = engine.openTenant(tenantDefinition({ id: 'acme', database: 'link.db' })).queue('outbox');
  for (const [into, file] of [
    [queue, link],
    [linked, tenantFileOf(place)],
    [linked, link],
  ] as const) {
    await withProgram(file, async (db) => {
      db.exec('BEGIN');
      await into.enqueue([message('x')], db);
      db.exec('COMMIT');
    });
  }
  expect(await queue.statistics()).toMatchObject({ ready: 3 });
});

test('Q3: a connection whose statements give BigInts and arrays', async () => {
  const queue = await place.outbox();
  const db = new DatabaseSync(tenantFileOf(place), { readBigInts: true, returnArrays: true });
  const twice = message('x', { dedupKey: 'd' });
  db.exec('BEGIN');
  const results = await queue.enqueue([twice, message('y', { dedupKey: 'd' })], db);
  db.exec('COMMIT');
  expect(results).toEqual([
    { messageId: twice.messageId, status: 'enqueued' },
    { messageId: twice.messageId, status: 'duplicate' },
  ]);
  expect(Object.values(db.prepare('SELECT count(*) FROM Outbox').get()!).map(Number)).toEqual([1]);
  db.close();
});

test('Q3: a connection that was closed and opened again', async () => {
  const queue = await place.outbox();
  const db = new DatabaseSync(tenantFileOf(place));
  for (let round = 1; round <= 2; round++) {
    db.exec('BEGIN');
    await queue.enqueue([message('x')], db);
    db.exec('COMMIT');
    db.close();
    expect(await queue.statistics()).toMatchObject({ ready: round });
    db.open();
  }
  db.close();
});

test('Q3: when another writer holds the lock, the call fails and the transaction stays open', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), (writer) =>
    withProgram(tenantFileOf(place), async (db) => {
      writer.exec('BEGIN IMMEDIATE');
      db.exec('BEGIN');
      const error = await failure(queue.enqueue([message('x')], db));
      expect(error).toMatchObject({ code: 'DATABASE_LOCKED', tenantId: 'acme', transient: true });
      writer.exec('COMMIT');
      await queue.enqueue([message('x')], db);
      db.exec('COMMIT');
    }),
  );
  expect(await queue.statistics()).toMatchObject({ ready: 1 });
});

test('Q3: a database without the schema', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('DELETE FROM SchemaJournal; BEGIN');
    expect(await failure(queue.enqueue([message('x')], db))).toMatchObject({ code: 'SCHEMA_MISSING' });
    db.exec('ROLLBACK');
  });
});

test('Q3: a database without the schema, by another driver', async () => {
  const queue = await place.outbox();
  const db = new BetterSqlite(tenantFileOf(place));
  db.exec('DROP TABLE SchemaJournal; BEGIN');
  expect(await failure(queue.enqueue([message('x')], db))).toMatchObject({ code: 'SCHEMA_MISSING' });
  db.close();
});

test('Q3: a journal of the schema that cannot be read', async () => {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), async (db) => {
    db.exec('ALTER TABLE SchemaJournal RENAME COLUMN Version TO Other; BEGIN');
    expect(await failure(queue.enqueue([message('x')], db))).toMatchObject({ code: 'DATABASE_ERROR' });
    db.exec('ROLLBACK');
  });
});
