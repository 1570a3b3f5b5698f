/** One connection, with its transactions. It prepares each statement once and keeps it. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** The database's clock (Q2): milliseconds since 1970, UTC. Its value is constant within one statement. */
export const nowSql = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** A statement's parameters: values in the order of its `?`, or one object with a value for each `:name`. */
type Values = SQLInputValue[] | [Record<string, SQLInputValue>];

const selectNow = `SELECT ${nowSql} AS Now`;

export class Connection {
  readonly database: DatabaseSync;
  /** Whether the schema was checked and fits this program. */
  verified = false;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      // A caller's own connection may have been opened with other defaults.
      statement.setReadBigInts(false);
      statement.setReturnArrays(false);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The first row, or undefined. */
  get<Row>(sql: string, ...values: Values): Row | undefined {
    return this.prepare(sql).get(...(values as SQLInputValue[])) as Row | undefined;
  }

  all<Row>(sql: string, ...values: Values): Row[] {
    return this.prepare(sql).all(...(values as SQLInputValue[])) as Row[];
  }

  /**
   * Iterates over the rows as arrays, because reading arrays is twice as fast as reading objects. A statement allows
   * one iteration at a time; call `return` to end it early.
   */
  iterateTuples<Tuple>(sql: string, ...values: SQLInputValue[]): Iterator<Tuple> {
    const statement = this.prepare(sql);
    statement.setReturnArrays(true);
    return statement.iterate(...values) as Iterator<unknown> as Iterator<Tuple>;
  }

  /** Returns all rows as arrays; `values` gives the statement's parameters by name. */
  allTuples<Tuple>(sql: string, values: Record<string, SQLInputValue>): Tuple[] {
    const statement = this.prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(values) as unknown[] as Tuple[];
  }

  /** The first row as an array, or undefined. */
  getTuple<Tuple>(sql: string, ...values: SQLInputValue[]): Tuple | undefined {
    const statement = this.prepare(sql);
    statement.setReturnArrays(true);
    return statement.get(...values) as unknown as Tuple | undefined;
  }

  /** How many rows the statement changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...values).changes);
  }

  now(): number {
    return this.get<{ Now: number }>(selectNow)!.Now;
  }

  /**
   * Turns on write-ahead logging, with which readers and a writer do not block each other (Q4). The file keeps the
   * setting.
   */
  useWal(): void {
    const mode = this.get<{ journal_mode: string }>('PRAGMA journal_mode')!.journal_mode;
    if (mode !== 'wal' && mode !== 'memory') this.database.exec('PRAGMA journal_mode = WAL');
  }

  /**
   * Runs `work` synchronously in a transaction of its own. `write` takes the write lock at the start, so that
   * a missing lock cannot make the transaction fail half-way; `read` sees the database at one moment.
   */
  transaction<T>(kind: 'read' | 'write', work: (connection: this) => T): T {
    this.prepare(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN').run();
    try {
      const result = work(this);
      this.prepare('COMMIT').run();
      return result;
    } catch (error) {
      try {
        this.prepare('ROLLBACK').run();
      } catch {
        // After some errors (disk full, I/O) SQLite has rolled back by itself, and ROLLBACK fails.
      }
      throw error;
    }
  }
}
