/** Q3: a transaction that ends during an enqueue in it, because its caller does not await the call. */
import { DatabaseSync } from 'node:sqlite';
import BetterSqlite from 'better-sqlite3';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { createMultiOutbox, type MultiOutbox } from '../../../src/index.ts';
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
  db: BetterSqlite.Database | DatabaseSync,
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

const connections = {
  'better-sqlite3': () => new BetterSqlite(file()),
  'node:sqlite': () => new DatabaseSync(file()),
};

describe.each(Object.keys(connections) as (keyof typeof connections)[])('%s', (name) => {
  let multiOutbox: MultiOutbox;
  let db: BetterSqlite.Database | DatabaseSync;
  beforeEach(async () => {
    await place.tenant();
    multiOutbox = createMultiOutbox({
      tenants: [{ id: 'acme', database: file() }],
      telemetry: { logToConsole: false },
    });
    db = connections[name]();
  });
  afterEach(async () => {
    db.close();
    await multiOutbox.close();
  });

  const rows = (sql: string) => (db.prepare(sql) as unknown as { all(): Record<string, unknown>[] }).all();
  const payloads = () => rows('SELECT Payload FROM Outbox ORDER BY Sequence').map(({ Payload }) => Payload);
  const messages = ['A', 'B'].map((payload) => ({ topic: 't', payload }));
  const enqueue = () => multiOutbox.outbox('acme').enqueue(messages, { transaction: db });

  test('Q3: an outbox looks its tenant up first; whenever the transaction ends, the answer says what is stored', async () => {
    const seen = new Set<string>();
    for (let after = 0; after < microtasks; after++) {
      for (const [end, then] of [
        ['COMMIT', ''],
        ['ROLLBACK', ''],
        ['COMMIT; BEGIN IMMEDIATE', 'ROLLBACK'],
        ['ROLLBACK; BEGIN IMMEDIATE', 'COMMIT'],
      ] as const) {
        const answered = await ending(db, after, end, enqueue);
        seen.add(answered);
        db.exec(then);
        const isStored = answered === 'enqueued' && end.startsWith('COMMIT');
        expect([after, end, answered, payloads()]).toEqual([
          after,
          end,
          answered,
          isStored ? ['A', 'B'] : [],
        ]);
        db.exec('DELETE FROM Outbox');
      }
    }
    expect([...seen]).toEqual(['TRANSACTION_NOT_OPEN', 'enqueued']);
  });

  test('Q3: simultaneous calls in one transaction, one of which fails, and the savepoints of its caller', async () => {
    db.exec('BEGIN IMMEDIATE; SAVEPOINT Own');
    const [first, unknown, second] = await Promise.allSettled([
      enqueue(),
      multiOutbox.outbox('nobody').enqueue(messages, { transaction: db }),
      enqueue(),
    ]);
    expect([first.status, second.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(unknown).toMatchObject({ reason: { code: 'UNKNOWN_TENANT' } });
    db.exec('ROLLBACK TO Own');
    expect(payloads()).toEqual([]);
    await enqueue();
    db.exec('RELEASE Own; COMMIT');
    expect(payloads()).toEqual(['A', 'B']);
  });

  test('Q3: a savepoint that is rolled back takes the call with it', async () => {
    db.exec('BEGIN IMMEDIATE; SAVEPOINT Own');
    const answered = answer(enqueue());
    db.exec('ROLLBACK TO Own');
    expect(await answered).toBe('TRANSACTION_NOT_OPEN');
    db.exec('COMMIT');
    expect(payloads()).toEqual([]);
  });

  test('Q3: a transaction that was begun after the call is not joined', async () => {
    const answered = answer(enqueue());
    db.exec('BEGIN IMMEDIATE');
    expect(await answered).toBe('TRANSACTION_NOT_OPEN');
    db.exec('COMMIT');
    expect(payloads()).toEqual([]);
  });
});
