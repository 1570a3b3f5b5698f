/** Tells the transactions of objects that can begin several, one after another, by counting what the objects report. */

const counts = new WeakMap<object, number>();
const countOf = (value: object) => counts.get(value) ?? 0;
const count = (value: object) => counts.set(value, countOf(value) + 1);

/** What has been asked to report already: mssql's transactions, and the lists of subscribers of TypeORM's DataSources. */
const watched = new WeakSet<object>();

interface Emitter {
  on?(event: string, listener: () => void): unknown;
}

/** A number that differs for each transaction of the same mssql.Transaction, from its begin to the next begin or end. */
export function countedMssql(transaction: Emitter): number {
  if (!watched.has(transaction)) {
    watched.add(transaction);
    for (const event of ['begin', 'commit', 'rollback']) transaction.on?.(event, () => count(transaction));
  }
  return countOf(transaction);
}

interface QueryRunner {
  readonly transactionDepth?: number;
  readonly dataSource?: DataSource;
  /** Its name in TypeORM 0.3. */
  readonly connection?: DataSource;
}
interface DataSource {
  readonly subscribers?: unknown;
}

/** Nested transactions are savepoints, and do not count. An end counts before it is sent. */
const subscriber = {
  beforeTransactionStart: ({ queryRunner }: { queryRunner: QueryRunner }) => {
    if (!((queryRunner.transactionDepth ?? 0) > 0)) count(queryRunner);
  },
  beforeTransactionCommit: ({ queryRunner }: { queryRunner: QueryRunner }) => {
    if (!((queryRunner.transactionDepth ?? 1) > 1)) count(queryRunner);
  },
  beforeTransactionRollback: ({ queryRunner }: { queryRunner: QueryRunner }) => {
    if (!((queryRunner.transactionDepth ?? 1) > 1)) count(queryRunner);
  },
};

/**
 * A number that differs for each transaction of the same QueryRunner of TypeORM, which on SQLite is the only one of its
 * DataSource. The DataSource gets a subscriber, as an application adds one.
 */
export function countedTypeorm(runner: QueryRunner): number {
  const subscribers = (runner.dataSource ?? runner.connection)?.subscribers;
  if (Array.isArray(subscribers) && !watched.has(subscribers)) {
    watched.add(subscribers);
    subscribers.push(subscriber);
  }
  return countOf(runner);
}
