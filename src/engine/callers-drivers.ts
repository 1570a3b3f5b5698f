/**
 * Recognises the transactions of other libraries by their public properties. No library is imported: each belongs to the
 * application, in its own version.
 */
import { MultiOutboxError, shownValue } from '../errors.ts';
import type {
  CallersTransaction,
  Dialect,
  NotJoinable,
  SqlRow,
  SqlTransaction,
} from './callers-transaction.ts';
import { countedTypeorm } from './transaction-counts.ts';

type Found = (Pick<CallersTransaction, 'query'> & Partial<CallersTransaction>) | NotJoinable | undefined;
type Rows = readonly SqlRow[];

/** Any property of a value that may be a transaction; reading it must not throw for any object. */
type Candidate = Readonly<Record<string, unknown>> & object;

const isFunction = (value: unknown): value is (...given: never[]) => unknown => typeof value === 'function';
const has = (value: Candidate, ...methods: string[]) => methods.every((name) => isFunction(value[name]));

const closed = (what: string, open: string): NotJoinable => ({
  problem: `${what} has no open transaction; give ${open}`,
});

/** The rows of a result; a library may answer a statement without rows in another form. */
const rowsOf = (result: unknown): Rows => (Array.isArray(result) ? result : []);

/** better-sqlite3, and libsql, which has the same interface. */
function betterSqlite(value: Candidate): Found {
  if (!has(value, 'prepare', 'exec') || !('inTransaction' in value)) return undefined;
  // libsql ends the process when `inTransaction` of a closed connection is read.
  if (value.open === false || value.inTransaction !== true)
    return closed('the connection', "the connection after 'BEGIN IMMEDIATE'");
  const database = value as unknown as {
    prepare(sql: string): {
      reader: boolean;
      all(...given: unknown[]): Rows;
      run(...given: unknown[]): unknown;
    };
  };
  return {
    isSynchronous: true,
    query(sql, parameters) {
      const statement = database.prepare(sql);
      if (statement.reader) return statement.all(...parameters);
      statement.run(...parameters);
      return [];
    },
  };
}

/** @libsql/client */
function libsqlClient(value: Candidate): Found {
  if (!has(value, 'execute', 'batch', 'executeMultiple')) return undefined;
  if (!has(value, 'commit', 'rollback') || value.closed === true)
    return closed('the libSQL client', "the result of client.transaction('write')");
  const transaction = value as unknown as {
    execute(statement: { sql: string; args: unknown[] }): Promise<{ rows: Rows }>;
  };
  return {
    query: async (sql, parameters) => (await transaction.execute({ sql, args: parameters })).rows,
  };
}

function knex(value: Candidate): Found {
  if (!isFunction(value) || !has(value as never, 'raw', 'transaction')) return undefined;
  const transaction = value as unknown as {
    isTransaction?: boolean;
    isCompleted(): boolean;
    raw(sql: string, bindings: unknown[]): Promise<unknown>;
  };
  if (transaction.isTransaction !== true || transaction.isCompleted())
    return closed('this Knex instance', 'the trx of knex.transaction');
  return {
    query: async (sql, parameters) => rowsOf(await transaction.raw(sql, parameters)),
    placeholder: () => '?',
  };
}

function kysely(value: Candidate, dialect: Dialect): Found {
  if (!has(value, 'executeQuery', 'selectFrom', 'withoutPlugins')) return undefined;
  const isEnded = value.isCommitted === true || value.isRolledBack === true;
  if (value.isTransaction !== true || isEnded)
    return closed('this Kysely instance', 'the trx of db.transaction().execute');
  // Plugins may rename the columns of a result.
  const transaction = (value.withoutPlugins as () => unknown).call(value) as {
    executeQuery(query: object): Promise<{ rows: Rows }>;
  };
  return {
    async query(sql, parameters) {
      const node = { kind: 'RawNode', sqlFragments: [sql], parameters: [] };
      const query = { sql, parameters, query: node, queryId: { queryId: 'multi-outbox' } };
      return (await transaction.executeQuery(query)).rows;
    },
    ...(dialect === 'sqlserver' && { placeholder: (nth: number) => `@${nth}` }),
  };
}

/** TypeORM: a QueryRunner, or the EntityManager of one. */
function typeorm(value: Candidate, dialect: Dialect): Found {
  const isManager = has(value, 'query', 'getRepository', 'transaction');
  if (!isManager && !has(value, 'query', 'startTransaction', 'commitTransaction')) return undefined;
  const runner = (isManager ? value.queryRunner : value) as
    | (Candidate & { query(sql: string, parameters: unknown[]): Promise<unknown> })
    | undefined;
  if (runner?.isTransactionActive !== true || runner.isReleased === true)
    return closed(
      `this ${isManager ? 'EntityManager or DataSource' : 'QueryRunner'} of TypeORM`,
      'the manager of dataSource.transaction, or a QueryRunner after startTransaction',
    );
  return {
    query: async (sql, parameters) => rowsOf(await runner.query(sql, parameters)),
    identity: () => countedTypeorm(runner as object),
    ...(dialect === 'sqlserver' && { placeholder: (nth: number) => `@${nth - 1}` }),
  };
}

function sequelize(value: Candidate): Found {
  if (has(value, 'define', 'authenticate', 'transaction'))
    return closed('this Sequelize instance', 'the transaction of sequelize.transaction');
  const owner = value.sequelize as { query(sql: string, options: object): Promise<Rows> } | undefined;
  if (!has(value, 'commit', 'rollback') || !isFunction(owner?.query)) return undefined;
  if (value.finished !== undefined) return closed('this Sequelize transaction', 'one that has not ended');
  return {
    query: (sql, bind) => owner.query(sql, { bind, transaction: value, type: 'SELECT', raw: true }),
    placeholder: (nth) => `$${nth}`,
  };
}

/** MikroORM's SqlEntityManager. */
function mikroOrm(value: Candidate): Found {
  if (!has(value, 'execute', 'isInTransaction', 'fork')) return undefined;
  const manager = value as unknown as {
    isInTransaction(): boolean;
    getTransactionContext?(): unknown;
    execute(sql: string, parameters: unknown[]): Promise<unknown>;
  };
  if (!manager.isInTransaction())
    return closed('this MikroORM EntityManager', 'the em of em.transactional, or an em after em.begin');
  return {
    query: async (sql, parameters) => rowsOf(await manager.execute(sql, parameters)),
    identity: () => manager.getTransactionContext?.(),
    placeholder: () => '?',
  };
}

/** Drizzle on SQLite. */
function drizzle(value: Candidate, dialect: Dialect): Found {
  const session = value.session as { prepareQuery?: unknown } | undefined;
  if (dialect !== 'sqlite' || !has(value, 'select', 'insert') || !isFunction(session?.prepareQuery))
    return undefined;
  if (!has(value, 'rollback')) return closed('this Drizzle database', 'the tx of db.transaction');
  if (value.resultKind !== 'async')
    return {
      problem:
        'this Drizzle transaction is synchronous and ends before enqueue could store anything; run the statement of enqueueStatement in it',
    };
  const prepare = session.prepareQuery as (
    query: object,
    fields: undefined,
    method: 'all',
    isArrayMode: false,
  ) => { all(): Promise<Rows> };
  return {
    query: (sql, params) => prepare.call(session, { sql, params }, undefined, 'all', false).all(),
  };
}

/** Prisma: neither its client nor its transaction tells whether a transaction is open. */
function prisma(value: Candidate, dialect: Dialect): Found {
  if (!has(value, '$queryRawUnsafe', '$executeRawUnsafe')) return undefined;
  if (has(value, '$connect'))
    return closed('this Prisma client', 'the tx of prisma.$transaction(async (tx) => …)');
  const { $queryRawUnsafe: query } = value as {
    $queryRawUnsafe: (sql: string, ...parameters: unknown[]) => Promise<Rows>;
  };
  return {
    query: (sql, parameters) => query.call(value, sql, ...parameters),
    isKnownOpen: false,
    ...(dialect === 'sqlserver' && { placeholder: (nth: number) => `@P${nth}` }),
  };
}

/** mssql: a pool or a request, of which nobody can tell which connection they use. */
function mssqlOther(value: Candidate): Found {
  if (!has(value, 'query', 'batch') || !(has(value, 'input') || has(value, 'request'))) return undefined;
  return closed('this mssql pool or request', 'the mssql.Transaction itself');
}

/** The first that recognises a value decides. */
const knownDrivers: readonly ((value: Candidate, dialect: Dialect) => Found)[] = [
  betterSqlite,
  libsqlClient,
  knex,
  kysely,
  typeorm,
  mikroOrm,
  sequelize,
  drizzle,
  prisma,
  mssqlOther,
];

const placeholders: Readonly<Record<Dialect, (nth: number) => string>> = {
  sqlite: () => '?',
  sqlserver: (nth) => `@p${nth}`,
};

/** The transaction in the form that engines use; undefined when the value is no transaction of a known driver. */
export function callersTransaction(
  value: unknown,
  dialect: Dialect,
): CallersTransaction | NotJoinable | undefined {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (!isObject) return undefined;
  for (const driver of knownDrivers) {
    const found = driver(value as never, dialect);
    if (found === undefined) continue;
    return 'problem' in found
      ? found
      : { placeholder: placeholders[dialect], isKnownOpen: true, isSynchronous: false, ...found };
  }
  return sqlTransaction(value as Partial<SqlTransaction>, dialect);
}

function sqlTransaction(
  value: Partial<SqlTransaction>,
  dialect: Dialect,
): CallersTransaction | NotJoinable | undefined {
  const { query, id, placeholder = placeholders[dialect] } = value;
  if (typeof query !== 'function' || typeof placeholder !== 'function') return undefined;
  const identity = typeof id === 'function' ? () => id.call(value) : undefined;
  if (identity !== undefined && (identity() ?? null) === null)
    return closed("the object in 'transaction'", "it after the begin: its 'id' says that none is open");
  return {
    query: async (sql, parameters) => {
      const rows: unknown = await (value as SqlTransaction).query(sql, parameters);
      if (Array.isArray(rows)) return rows;
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        `the 'query' of 'transaction' returned ${shownValue(rows)}; let it return the rows as an array of objects, empty when the statement has none`,
      );
    },
    placeholder: (nth) => placeholder.call(value, nth),
    isKnownOpen: identity !== undefined,
    isSynchronous: false,
    ...(identity !== undefined && { identity }),
  };
}
