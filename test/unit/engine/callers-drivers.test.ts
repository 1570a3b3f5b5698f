/** Q3: what cannot be tried without a server: how each library writes parameters on SQL Server, and the text of a call. */
import { callersTransaction } from '../../../src/engine/callers-drivers.ts';
import type { CallersTransaction } from '../../../src/engine/callers-transaction.ts';
import { likeMssql } from '../../../src/engine/sqlserver/callers-errors.ts';
import { bigint, bit, longText, text, uuid } from '../../../src/engine/sqlserver/database.ts';
import { executeText } from '../../../src/engine/sqlserver/execute-text.ts';

const nothing = () => {};
const methods = (...names: string[]) => Object.fromEntries(names.map((name) => [name, nothing]));
const kysely = {
  ...methods('executeQuery', 'selectFrom'),
  isTransaction: true,
  withoutPlugins: () => ({ executeQuery: nothing }),
};
const typeorm = { ...methods('query', 'startTransaction', 'commitTransaction'), isTransactionActive: true };

/** The properties by which each is recognised; libraries.test.ts tries the real ones on SQLite. */
const given: Readonly<Record<string, unknown>> = {
  knex: Object.assign(() => {}, methods('raw', 'transaction'), {
    isTransaction: true,
    isCompleted: () => false,
  }),
  kysely,
  typeorm,
  'mikro-orm': { ...methods('execute', 'fork'), isInTransaction: () => true },
  sequelize: { ...methods('commit', 'rollback'), sequelize: methods('query') },
  prisma: methods('$queryRawUnsafe', '$executeRawUnsafe'),
  'any other': methods('query'),
};

test('Q3: parameters are written as each library expects them on SQL Server', () => {
  const written = Object.entries(given).map(([name, value]) => {
    const { placeholder } = callersTransaction(value, 'sqlserver') as CallersTransaction;
    return [name, `${placeholder(1)} ${placeholder(2)}`];
  });
  expect(Object.fromEntries(written)).toEqual({
    knex: '? ?',
    kysely: '@1 @2',
    typeorm: '@0 @1',
    'mikro-orm': '? ?',
    sequelize: '$1 $2',
    prisma: '@P1 @P2',
    'any other': '@p1 @p2',
  });
});

test.each([
  ['an mssql pool', methods('query', 'batch', 'request')],
  ['an mssql request', methods('query', 'batch', 'input')],
  ['a Prisma client', methods('$queryRawUnsafe', '$executeRawUnsafe', '$connect')],
  ['a Sequelize instance', methods('define', 'authenticate', 'transaction', 'query')],
  ['a Sequelize transaction that has ended', { ...(given.sequelize as object), finished: 'commit' }],
  ['a Kysely transaction that was committed', { ...kysely, isCommitted: true }],
  ['a released query runner', { ...typeorm, isReleased: true }],
])('Q3: %s is no open transaction', (_, value) => {
  expect(callersTransaction(value, 'sqlserver')).toEqual({
    problem: expect.stringContaining('has no open transaction; give '),
  });
});

test('Q3: Drizzle’s synchronous transaction names the call that suits it', () => {
  const value = {
    ...methods('select', 'insert', 'rollback'),
    resultKind: 'sync',
    session: methods('prepareQuery'),
  };
  expect(callersTransaction(value, 'sqlite')).toEqual({
    problem: expect.stringContaining('enqueueStatement'),
  });
});

test.each([[undefined], [null], ['BEGIN'], [7], [{}], [nothing]])('Q3: %p is no transaction', (value) => {
  expect(callersTransaction(value, 'sqlserver')).toBeUndefined();
});

test('Q3: a call as text: only texts become parameters, and a null is left out', () => {
  const parameters = {
    Topic: [text, "o'clock"],
    Payload: [longText, '{}'],
    MessageId: [uuid, '0198c1a2-0000-7000-8000-000000000000'],
    DedupKey: [text, null],
    DelayMs: [bigint, 1_500],
    PayloadEscaped: [bit, false],
  } as const;
  expect(executeText('[messaging].[Outbox_EnqueueOne]', parameters, (nth) => `@p${nth}`)).toEqual({
    sql: 'EXEC [messaging].[Outbox_EnqueueOne] @Topic = @p1, @Payload = @p2, @MessageId = @p3, @DelayMs = 1500, @PayloadEscaped = 0',
    values: ["o'clock", '{}', '0198c1a2-0000-7000-8000-000000000000'],
  });
});

test('an error of another library is known by its driver’s number, and its text, which may hold a payload, is dropped', () => {
  const own = Object.assign(new Error('secret'), { number: 51002 });
  for (const error of [own, Object.assign(new Error('secret'), { driverError: own })]) {
    const like = likeMssql(error);
    expect(like).toMatchObject({ number: 51002, message: expect.stringContaining('begin one first') });
    expect(JSON.stringify(like)).not.toContain('secret');
  }
});
