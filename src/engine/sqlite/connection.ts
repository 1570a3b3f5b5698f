/** One connection, with its transactions. It prepares each statement once and keeps it. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** The database's clock (Q2): milliseconds since 1970, UTC. Its value is constant within one statement. */
export const nowSql = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** A statement's parameters: values in the order of its `?`, or one object with a value for each `:name`. */
type Values = SQLInputValue[] | [Record<string, SQLInputValue>];

const selectNow = `SELECT ${nowSql}`;

export class Connection {
  readonly database: DatabaseSync;
  /** Whether the schema was checked and fits this program. */
  verified = false;
  readonly #statements = new Map<string, StatementSync>();
  /** Those that return rows as arrays. */
  readonly #ofTuples = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  prepare(sql: string): StatementSync {
    return this.#statements.get(sql) ?? this.#prepare(sql, this.#statements);
  }

  /** Prepares a statement that returns rows as arrays, because reading arrays is twice as fast as reading objects. */
  #prepareTuples(sql: string): StatementSync {
    return this.#ofTuples.get(sql) ?? this.#prepare(sql, this.#ofTuples);
  }

  #prepare(sql: string, kept: Map<string, StatementSync>): StatementSync {
    const statement = this.database.prepare(sql);
    // A caller's own connection may have been opened with other defaults.
    statement.setReadBigInts(false);
    statement.setReturnArrays(kept === this.#ofTuples);
    kept.set(sql, statement);
    return statement;
  }

  /** The first row, or undefined. */
  get<Row>(sql: string, ...values: Values): Row | undefined {
    return this.prepare(sql).get(...(values as SQLInputValue[])) as Row | undefined;
  }

  all<Row>(sql: string, ...values: Values): Row[] {
    return this.prepare(sql).all(...(values as SQLInputValue[])) as Row[];
  }

  /** Iterates over the rows. A statement allows one iteration at a time; call `return` to end it early. */
  iterateTuples<Tuple>(sql: string, ...values: SQLInputValue[]): Iterator<Tuple> {
    return this.#prepareTuples(sql).iterate(...values) as Iterator<unknown> as Iterator<Tuple>;
  }

  allTuples<Tuple>(sql: string, ...values: Values): Tuple[] {
    return this.#prepareTuples(sql).all(...(values as SQLInputValue[])) as unknown[] as Tuple[];
  }

  /** The first row, or undefined. */
  getTuple<Tuple>(sql: string, ...values: SQLInputValue[]): Tuple | undefined {
    return this.#prepareTuples(sql).get(...values) as unknown as Tuple | undefined;
  }

  /** How many rows the statement changed. */
  run(sql: string, ...values: Values): number {
    return Number(this.prepare(sql).run(...(values as SQLInputValue[])).changes);
  }

  /** How many rows this connection has changed. */
  changes(): number {
    return this.getTuple<[changes: number]>('SELECT total_changes()')![0];
  }

  now(): number {
    return this.getTuple<[now: number]>(selectNow)![0];
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
