/** T1, T3: how a handler's transaction ends, where the conformance suite cannot see it. */
import { DatabaseSync } from 'node:sqlite';
import { mayLastMs } from '../../../src/engine/sqlite/queue/transact.ts';
import type { MultiOutboxError } from '../../../src/errors.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, failure, message, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const never = new AbortController().signal;

async function claimed(signal = never) {
  const database = await place.tenant();
  const queue = database.queue('outbox');
  await queue.enqueue([message('x')]);
  const { lease, messages } = await begin(queue);
  return { database, queue, request: { lease, ...messages[0]!, signal } };
}

test.each([
  [1_000, 800],
  [10_000, 8_000],
  [60_000, 58_000],
  [Number.POSITIVE_INFINITY, 2_147_483_647],
])('T3: while %p ms are left of its lease, a transaction may last %p ms', (leaseMs, expected) => {
  expect(mayLastMs(leaseMs)).toBe(expected);
});

test('T3: a transaction that has ended leaves no timer', async () => {
  const { queue, request } = await claimed();
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await queue.transact(request, async () => {
    expect(timers()).toBeGreaterThan(before);
  });
  expect(timers()).toBe(before);
});

test.each(['COMMIT', 'ROLLBACK'])('T1: a handler that ends the transaction by %s is told so', async (end) => {
  const { database, queue, request } = await claimed();
  const ended = queue.transact(request, async (transaction) => {
    if (!(transaction instanceof DatabaseSync)) throw new Error('it is not a connection');
    transaction.exec(end);
  });
  expect(await failure(ended)).toMatchObject({ code: 'TRANSACTION_NOT_OPEN', tenantId: 'acme' });
  expect(await database.queue('outbox').statistics()).toMatchObject({ claimed: 1, done: 0 });
});

test('T1, F8: a transaction of a database that was closed meanwhile is not committed', async () => {
  const { database, queue, request } = await claimed();
  const closed = queue.transact(request, async () => database.close());
  expect(await failure(closed)).toMatchObject({ code: 'CLOSED', tenantId: 'acme' });
  expect(await (await place.outbox()).statistics()).toMatchObject({ claimed: 1, done: 0 });
});

test('T1: a signal that fires as the handler ends still undoes the transaction', async () => {
  const stop = new AbortController();
  const { queue, request } = await claimed(stop.signal);
  const late = queue.transact(request, async () => {
    queueMicrotask(() => stop.abort(new Error('time is up')));
  });
  await expect(late).rejects.toThrow('time is up');
  expect(await queue.statistics()).toMatchObject({ claimed: 1, done: 0 });
});

test('T1: a handler whose writes a constraint refuses at the commit is told so, and nothing is committed', async () => {
  const { queue, request } = await claimed();
  const file = tenantFileOf(place);
  await withProgram(file, (db) =>
    db.exec(`CREATE TABLE Orders (Id INTEGER PRIMARY KEY);
      CREATE TABLE Payments (OrderId REFERENCES Orders (Id) DEFERRABLE INITIALLY DEFERRED)`),
  );
  const pay = (order: string) => async (transaction: unknown) =>
    (transaction as DatabaseSync).exec(`${order} INSERT INTO Payments VALUES (7)`);
  const refused = await failure(queue.transact(request, pay('')));
  expect(refused).toMatchObject({ code: 'DATABASE_ERROR', tenantId: 'acme' });
  expect(refused.message).toMatch(
    /refused a write \(FOREIGN KEY constraint failed\); correct what is written/,
  );
  const payments = () =>
    withProgram(file, (db) => db.prepare('SELECT count(*) AS stored FROM Payments').get());
  expect(await payments()).toEqual({ stored: 0 });
  await queue.transact(request, pay('INSERT INTO Orders VALUES (7);'));
  expect(await payments()).toEqual({ stored: 1 });
});

test('T1: a handler that has not read all rows of a statement that writes is told so', async () => {
  const { queue, request } = await claimed();
  await withProgram(tenantFileOf(place), (db) => db.exec('CREATE TABLE Orders (Id INTEGER)'));
  const unread = queue.transact(request, async (transaction) => {
    const insert = 'INSERT INTO Orders VALUES (1), (2) RETURNING Id';
    (transaction as DatabaseSync).prepare(insert).iterate().next();
  });
  const refused = await failure(unread);
  expect(refused).toMatchObject({ code: 'DATABASE_ERROR', transient: false });
  expect(refused.message).toMatch(/cannot commit while the rows .* are being read; read all of them/);
});

test('T1, Q3: once SQLite has rolled the transaction back, a message in it is refused, and the handler is told why', async () => {
  const { queue, request } = await claimed();
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`CREATE TABLE Orders (Id INTEGER);
      CREATE TRIGGER Refuse BEFORE INSERT ON Orders BEGIN SELECT RAISE(ROLLBACK, 'not today'); END`),
  );
  let refused: MultiOutboxError | undefined;
  const ended = queue.transact(request, async (transaction) => {
    expect(() => (transaction as DatabaseSync).exec('INSERT INTO Orders VALUES (1)')).toThrow('not today');
    refused = await failure(queue.enqueue([message('late')], transaction));
  });
  expect(await failure(ended)).toMatchObject({
    code: 'TRANSACTION_NOT_OPEN',
    message: expect.stringMatching(/let the error of a failed statement leave the handler/),
  });
  expect(refused).toMatchObject({
    code: 'TRANSACTION_NOT_OPEN',
    message: expect.stringMatching(/was ended .* by SQLite after an error.*let that error leave the handler/),
  });
  expect(await queue.statistics()).toMatchObject({ ready: 0, claimed: 1 });
});
