/** T1: handlers' transactions share a connection, and nothing of one handler gets into the transaction of another. */
import { readdirSync, readlinkSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { testOnLinux } from '../../support/platform.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, type Claimed, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const never = new AbortController().signal;

interface Run extends Claimed {
  readonly queue: WorkQueue;
}

/** A run that has claimed so many messages, in a database with a table `Effects`. */
async function run(messages: number): Promise<Run> {
  const queue = await place.outbox();
  await withProgram(tenantFileOf(place), (db) => db.exec('CREATE TABLE Effects (Name TEXT NOT NULL)'));
  await queue.enqueue(Array.from({ length: messages }, (_, nth) => message(String(nth))));
  return { queue, ...(await begin(queue)) };
}

/** The transaction of the handler of the nth message. */
function transact<T>(
  { queue, lease, messages }: Run,
  nth: number,
  work: (db: DatabaseSync) => T | Promise<T>,
) {
  return queue.transact({ lease, ...messages[nth]!, signal: never }, async (db) => work(db as DatabaseSync));
}

const insert = 'INSERT INTO Effects (Name) VALUES (?)';
const effects = () =>
  withProgram(tenantFileOf(place), (db) =>
    db
      .prepare('SELECT Name FROM Effects ORDER BY rowid')
      .all()
      .map(({ Name }) => Name),
  );

/** What a property that somebody has defined on an object finds in `this`. */
function itself<T extends object>(object: T): T {
  return (Object.defineProperty(object, 'itself', { get: returnsThis }) as T & { itself: T }).itself;
}

function returnsThis(this: unknown): unknown {
  return this;
}

const connectionId = (db: DatabaseSync) => {
  // A connection's own count of changes tells it from a new one.
  const { changes } = db.prepare('SELECT total_changes() AS changes').get() as { changes: number };
  return changes;
};

test('T1: the next handler gets the connection of the one before', async () => {
  const acting = await run(2);
  await transact(acting, 0, (db) => {
    db.exec('SAVEPOINT inner');
    db.prepare(insert).run('A');
    db.exec('RELEASE inner;');
  });
  expect(await transact(acting, 1, connectionId)).toBeGreaterThan(0);
});

test.each([
  [
    'a statement on the connection',
    (db: DatabaseSync) => () => db.exec("INSERT INTO Effects VALUES ('late')"),
  ],
  ['a new statement', (db: DatabaseSync) => () => db.prepare(insert).run('late')],
  [
    'a statement that was prepared before',
    (db: DatabaseSync) => {
      const statement = db.prepare(insert);
      return () => statement.run('late');
    },
  ],
  [
    'a method that was taken before',
    (db: DatabaseSync) => {
      const { exec } = db;
      return () => exec("INSERT INTO Effects VALUES ('late')");
    },
  ],
  ['COMMIT', (db: DatabaseSync) => () => db.exec('COMMIT')],
  ['close', (db: DatabaseSync) => () => db.close()],
  [
    'the connection behind the view',
    (db: DatabaseSync) => {
      const { exec } = itself(db);
      return () => exec("INSERT INTO Effects VALUES ('late')");
    },
  ],
  [
    'the statement behind the view',
    (db: DatabaseSync) => {
      const statement = itself(db.prepare(insert));
      return () => statement.run('late');
    },
  ],
  [
    'the limits of a connection',
    (db: DatabaseSync) => () => db.limits ?? db.exec('older releases of Node have none'),
  ],
])('T1: after its transaction a handler is refused: %s', async (_, prepare) => {
  const acting = await run(3);
  const { late, view } = await transact(acting, 0, (db) => ({ late: prepare(db), view: db }));
  const refusal = expect.objectContaining({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'acme' });
  await transact(acting, 1, (db) => {
    db.prepare(insert).run('B');
    expect(late).toThrow(refusal);
    expect([view.isTransaction, view.isOpen]).toEqual([false, false]);
    expect([db.isTransaction, db.isOpen]).toEqual([true, true]);
  });
  expect(late).toThrow(refusal);
  await transact(acting, 2, (db) => db.prepare(insert).run('C'));
  expect(await effects()).toEqual(['B', 'C']);
});

test('T1, Q3: after its transaction a handler cannot store messages in the transaction of another', async () => {
  const acting = await run(2);
  const view = await transact(acting, 0, (db) => db);
  await transact(acting, 1, async () => {
    const late = acting.queue.enqueue([message('late')], view);
    await expect(late).rejects.toMatchObject({
      code: 'TRANSACTION_NOT_OPEN',
      tenantId: 'acme',
      message: expect.stringMatching(/the handler's transaction has ended.*; await all of them/),
    });
  });
  expect(await acting.queue.statistics()).toMatchObject({ ready: 0, done: 2 });
});

test.each<
  [
    what: string,
    change: (db: DatabaseSync) => unknown,
    seen: (db: DatabaseSync) => unknown,
    unchanged: unknown,
  ]
>([
  [
    'a PRAGMA',
    (db) => db.prepare('PRAGMA case_sensitive_like = ON').get(),
    (db) => db.prepare("SELECT 'a' LIKE 'A' AS seen").get(),
    { seen: 1 },
  ],
  [
    'a PRAGMA behind another statement',
    (db) => db.exec('SELECT 1; PRAGMA case_sensitive_like = ON'),
    (db) => db.prepare("SELECT 'a' LIKE 'A' AS seen").get(),
    { seen: 1 },
  ],
  [
    'a temporary table',
    (db) => db.exec('CREATE TEMP TABLE Mine (Id)'),
    (db) => db.prepare('SELECT count(*) AS seen FROM sqlite_temp_master').get(),
    { seen: 0 },
  ],
  [
    'a function',
    (db) => db.function('upper', (text) => `${text}!`),
    (db) => db.prepare("SELECT upper('a') AS seen").get(),
    { seen: 'A' },
  ],
  [
    'a property of the object',
    (db) => Object.assign(db, { mine: true }),
    (db) => ({ seen: 'mine' in db }),
    { seen: false },
  ],
  [
    'a property that it has defined',
    (db) => Object.defineProperty(db, 'mine', { value: true }),
    (db) => ({ seen: 'mine' in db }),
    { seen: false },
  ],
])('T1: the next handler does not see what a handler has changed: %s', async (_, change, seen, unchanged) => {
  const acting = await run(2);
  await transact(acting, 0, async (db) => {
    await change(db);
    expect(seen(db)).not.toEqual(unchanged);
  });
  expect(await transact(acting, 1, seen)).toEqual(unchanged);
});

test('T1: the next handler does not see the limits that a handler has set', async () => {
  const acting = await run(2);
  // Older releases of Node have none.
  const limit = (db: DatabaseSync) => (db.limits as DatabaseSync['limits'] | undefined)?.likePatternLength;
  const before = await transact(acting, 0, (db) => {
    const first = limit(db);
    if (first !== undefined) db.limits.likePatternLength = 7;
    return first;
  });
  expect(await transact(acting, 1, limit)).toBe(before);
});

test('T1: an iteration that a handler has not ended does not keep the next one from the present state', async () => {
  const acting = await run(2);
  await withProgram(tenantFileOf(place), (db) => db.exec("INSERT INTO Effects VALUES ('1'), ('2')"));
  const rows = await transact(acting, 0, (db) => {
    const iterated = db.prepare('SELECT Name FROM Effects').iterate();
    iterated.next();
    return iterated;
  });
  await withProgram(tenantFileOf(place), (db) => db.exec("INSERT INTO Effects VALUES ('3')"));
  await transact(acting, 1, (db) => db.prepare(insert).run('4'));
  expect(() => rows.next()).toThrow();
  expect(await effects()).toEqual(['1', '2', '3', '4']);
});

test('T1: a handler that fails leaves nothing for the next one', async () => {
  const acting = await run(2);
  const failing = transact(acting, 0, (db) => {
    db.prepare(insert).run('A');
    throw new Error('the handler’s own');
  });
  await expect(failing).rejects.toThrow('the handler’s own');
  await transact(acting, 1, (db) => db.prepare(insert).run('B'));
  expect(await effects()).toEqual(['B']);
});

test.each([
  ['COMMIT', (db: DatabaseSync) => db.exec('COMMIT')],
  [
    'a failed INSERT OR ROLLBACK',
    (db: DatabaseSync) => db.exec('INSERT OR ROLLBACK INTO Effects VALUES (NULL)'),
  ],
])('T1: once %s has ended the transaction, no statement is committed on its own', async (_, end) => {
  const acting = await run(1);
  const ending = transact(acting, 0, (db) => {
    const statement = db.prepare(insert);
    try {
      end(db);
    } catch {
      // The handler goes on.
    }
    const refusal = expect.objectContaining({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'acme' });
    expect(() => statement.run('A')).toThrow(refusal);
    expect(() => db.prepare(insert)).toThrow(refusal);
    expect(() => db.exec('BEGIN')).toThrow(refusal);
    expect(() => db.exec('SAVEPOINT inner')).toThrow(refusal);
    expect([db.isOpen, db.isTransaction]).toEqual([true, false]);
  });
  await expect(ending).rejects.toMatchObject({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'acme' });
  expect(await effects()).toEqual([]);
});

test('T1: the view is a DatabaseSync, with its properties', async () => {
  const acting = await run(1);
  await transact(acting, 0, (db) => {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    expect(db).toBeInstanceOf(DatabaseSync);
    expect(db.constructor).toBe(DatabaseSync);
    expect(db.location()).toContain('acme.db');
    const statement = db.prepare('SELECT 1 AS value');
    statement.setReadBigInts(true);
    expect(statement.get()).toEqual({ value: 1n });
    expect(statement.sourceSQL).toBe('SELECT 1 AS value');
    expect([...statement.iterate()]).toEqual([{ value: 1n }]);
  });
});

testOnLinux('F8: once the run has ended, the connection of its handlers is closed', async () => {
  const queue = await place.outbox();
  await queue.enqueue([message('A')]);
  const acting = { queue, ...(await begin(queue)) };
  // Each connection has opened the log for itself. SQLite keeps other descriptors until the last one is closed.
  const open = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === `${tenantFileOf(place)}-wal`;
      } catch {
        return false; // the descriptor of the listing
      }
    }).length;
  const before = open();
  await transact(acting, 0, (db) => db.prepare('SELECT 1').get());
  expect(open()).toBeGreaterThan(before);
  await settle(acting.queue, acting, []);
  expect(open()).toBe(before);
});
