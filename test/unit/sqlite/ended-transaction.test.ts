/** Q3: a transaction of another driver that ends during an enqueue in it, because its caller does not await the call. */
import BetterSqlite from 'better-sqlite3';
import { tenantDefinition } from '../../../src/fleet/tenants/definition.ts';
import { message } from '../../conformance/run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();

/** The connection as a driver of this interface. @param afterStatement called after each statement, with its number from 1 on */
function counted(db: BetterSqlite.Database, afterStatement: (nth: number) => void) {
  let nth = 0;
  return {
    get inTransaction() {
      return db.inTransaction;
    },
    exec: (sql: string) => db.exec(sql),
    prepare(sql: string) {
      const statement = db.prepare(sql);
      const counting =
        <Result>(run: (...given: unknown[]) => Result) =>
        (...given: unknown[]) => {
          const result = run(...given);
          afterStatement(++nth);
          return result;
        };
      return {
        reader: statement.reader,
        all: counting((...given) => statement.all(...given)),
        run: counting((...given) => statement.run(...given)),
      };
    },
  };
}

/** The call is never awaited by the code that ends the transaction. */
async function enqueueWhile(end: 'COMMIT' | 'ROLLBACK', after: number) {
  const tenant = await place.tenant();
  const db = new BetterSqlite(place.file(tenantDefinition({ id: 'acme' }).database));
  try {
    let statements = 0;
    const driver = counted(db, (nth) => {
      statements = nth;
      if (nth === after) db.exec(end);
    });
    db.exec('BEGIN IMMEDIATE');
    const enqueued = tenant.queue('outbox').enqueue([message('A'), message('B')], driver);
    if (after === 0) db.exec(end);
    const outcome = await enqueued.then(
      () => 'enqueued',
      (error: { code: string }) => error.code,
    );
    if (db.inTransaction) db.exec('ROLLBACK');
    return { outcome, statements, ready: (await tenant.queue('outbox').statistics()).ready };
  } finally {
    db.close();
  }
}

test('Q3: a transaction that is rolled back before any statement of an enqueue keeps nothing of it', async () => {
  const whole = await enqueueWhile('COMMIT', 1_000);
  expect(whole).toMatchObject({ outcome: 'enqueued', ready: 0 });
  for (let after = 0; after < whole.statements; after++) {
    const { outcome, ready } = await enqueueWhile('ROLLBACK', after);
    expect([after, outcome, ready]).toEqual([after, 'TRANSACTION_NOT_OPEN', 0]);
  }
});

test('Q3: after the commit of its transaction an enqueue stores nothing on its own', async () => {
  expect(await enqueueWhile('COMMIT', 0)).toMatchObject({ outcome: 'TRANSACTION_NOT_OPEN', ready: 0 });
});
