/** Q3: a transaction of better-sqlite3 that ends during an enqueue in it, because its caller does not await the call. */
import BetterSqlite from 'better-sqlite3';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { createMultiOutbox } from '../../../src/index.ts';
import { message } from '../../conformance/run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();
const file = () => place.file(tenantDefinition({ id: 'acme' }).database);

/** More than any enqueue takes, so that the last of them end the transaction after it. */
const microtasks = 60;

const answer = (enqueued: Promise<unknown>) =>
  enqueued.then(
    () => 'enqueued',
    (error: { code: string }) => error.code,
  );

const stored = (db: BetterSqlite.Database) =>
  db.prepare('SELECT Payload FROM Outbox ORDER BY Sequence').pluck().all();

/** Begins a transaction, calls `enqueue` and runs `end` after that many microtasks, without awaiting the call. */
async function ending(
  db: BetterSqlite.Database,
  after: number,
  end: string,
  enqueue: () => Promise<unknown>,
): Promise<string> {
  db.exec('BEGIN IMMEDIATE');
  const answered = answer(enqueue());
  for (let nth = 0; nth < after; nth++) await undefined;
  db.exec(end);
  return answered;
}

test('Q3: better-sqlite3: the messages are stored before the call returns, in that transaction and in no later one', async () => {
  const tenant = await place.tenant();
  const db = new BetterSqlite(file());
  db.exec('CREATE TABLE Orders (Id INTEGER PRIMARY KEY)');
  // It returns integers as BigInt.
  db.defaultSafeIntegers(true);
  const enqueue = () => tenant.queue('outbox').enqueue([message('A'), message('B')], db);
  try {
    for (let after = 0; after < microtasks; after++) {
      const another = 'ROLLBACK; BEGIN; INSERT INTO Orders DEFAULT VALUES; COMMIT';
      expect([after, await ending(db, after, another, enqueue), stored(db)]).toEqual([after, 'enqueued', []]);
      expect([after, await ending(db, after, 'COMMIT', enqueue), stored(db)]).toEqual([
        after,
        'enqueued',
        ['A', 'B'],
      ]);
      db.exec('DELETE FROM Outbox');
    }
  } finally {
    db.close();
  }
});

test('Q3: better-sqlite3: a call that fails leaves the transaction open and nothing of its own in it', async () => {
  const tenant = await place.tenant();
  const db = new BetterSqlite(file());
  db.exec(`CREATE TABLE Orders (Id INTEGER PRIMARY KEY);
    CREATE TRIGGER Refuse BEFORE INSERT ON Outbox WHEN new.Payload = 'B' BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  const enqueue = () => tenant.queue('outbox').enqueue([message('A'), message('B')], db);
  try {
    const end = 'INSERT INTO Orders DEFAULT VALUES; COMMIT';
    expect(await ending(db, 0, end, enqueue)).toBe('DATABASE_ERROR');
    expect([stored(db), db.prepare('SELECT count(*) FROM Orders').pluck().get()]).toEqual([[], 1]);
  } finally {
    db.close();
  }
});

test('Q3: better-sqlite3: an outbox looks its tenant up first; whenever the transaction ends, the answer says what is stored', async () => {
  await place.tenant();
  const multiOutbox = createMultiOutbox({
    tenants: [{ id: 'acme', database: file() }],
    telemetry: { logToConsole: false },
  });
  const db = new BetterSqlite(file());
  const messages = ['A', 'B'].map((payload) => ({ topic: 't', payload }));
  const enqueue = () => multiOutbox.outbox('acme').enqueue(messages, { transaction: db });
  try {
    const seen = new Set<string>();
    for (let after = 0; after < microtasks; after++) {
      const answered = await ending(db, after, 'COMMIT', enqueue);
      seen.add(answered);
      expect([after, answered, stored(db)]).toEqual([
        after,
        answered,
        answered === 'enqueued' ? ['A', 'B'] : [],
      ]);
      db.exec('DELETE FROM Outbox');
      await ending(db, after, 'ROLLBACK', enqueue);
      expect([after, stored(db)]).toEqual([after, []]);
    }
    expect([...seen]).toEqual(['TRANSACTION_NOT_OPEN', 'enqueued']);
  } finally {
    db.close();
    await multiOutbox.close();
  }
});
