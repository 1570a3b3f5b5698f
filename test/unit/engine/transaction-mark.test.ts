/** Q3: what tells a transaction from the next one of the same value, for libraries whose tests need a server or a program. */
import mssql from 'mssql';
import { DataSource } from 'typeorm';
import { markTransaction } from '../../../src/engine/transaction-mark.ts';

const ended = expect.stringContaining('await the call');

test('Q3: mssql: a transaction is another one after each begin and each end', () => {
  const transaction = new mssql.Transaction();
  for (const event of ['begin', 'commit', 'rollback']) {
    const marks = [markTransaction(transaction)!, markTransaction(transaction)!];
    expect(marks.map((mark) => mark.problem())).toEqual([undefined, undefined]);
    transaction.emit(event);
    expect(marks.map((mark) => mark.problem())).toEqual([ended, ended]);
  }
  expect(transaction.listenerCount('commit')).toBe(1);
});

describe('TypeORM', () => {
  let source: DataSource;
  beforeEach(async () => {
    source = await new DataSource({ type: 'better-sqlite3', database: ':memory:' }).initialize();
  });
  afterEach(() => source.destroy());

  test.each(['commitTransaction', 'rollbackTransaction'] as const)(
    'Q3: %s ends the transaction of a query runner; nested transactions do not',
    async (end) => {
      const runner = source.createQueryRunner();
      await runner.startTransaction();
      const mark = markTransaction(runner)!;
      const managers = markTransaction(runner.manager)!;
      await runner.startTransaction();
      await runner[end]();
      expect([mark.problem(), managers.problem()]).toEqual([undefined, undefined]);
      const ending = runner[end]();
      // Before the statement is sent.
      expect([mark.problem(), managers.problem()]).toEqual([ended, ended]);
      await ending;
      await runner.startTransaction();
      expect(mark.problem()).toEqual(ended);
      expect(markTransaction(runner)!.problem()).toBeUndefined();
      await runner.rollbackTransaction();
      expect(source.subscribers).toHaveLength(1);
    },
  );

  test('Q3: no open transaction at the call', async () => {
    const runner = source.createQueryRunner();
    const mark = markTransaction(runner)!;
    await runner.startTransaction();
    expect(mark.problem()).toContain('has no open transaction; give ');
    await runner.rollbackTransaction();
  });
});

test.each([[undefined], [null], ['BEGIN'], [{}], [{ query: () => [] }]])('Q3: %p has no mark', (value) => {
  expect(markTransaction(value)).toBeUndefined();
});
