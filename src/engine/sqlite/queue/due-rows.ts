/**
 * Reads due messages in the order of their due times, many rows with each statement: an iteration took 0.5 µs a row more.
 */
import type { SQLInputValue } from 'node:sqlite';
import type { Connection } from '../connection.ts';
import type { QueueTable } from './records.ts';
import { perUnblockedIndex, type UnblockedIndex } from './unblocked.ts';

export interface DueOrder {
  readonly now: number;
  /** False if no delayed message is due, which saves a statement. */
  readonly isDelayedDue: boolean;
}

export interface DueQuery<Row> {
  readonly sql: Readonly<Record<UnblockedIndex, string>>;
  /** The values of the parameters of the SELECT list, for a statement that reads `count` rows. */
  readonly values?: (count: number) => readonly SQLInputValue[];
  /** How many rows will be asked for, if none is left out. */
  readonly expected: number;
  /** Whether `one` comes before `other` when negative. */
  readonly compare: (one: Row, other: Row) => number;
}

/**
 * The statements that `DueRows` needs. SQLite looks at the value of a LIMIT that is a parameter by itself, and prepares the
 * statement again at each execution: 100 µs for a claim's. An expression is not looked at.
 *
 * @param columns the SELECT list
 */
export function dueRowsSql(table: QueueTable, columns: string): DueQuery<never>['sql'] {
  return perUnblockedIndex(
    table,
    (from) => `SELECT ${columns} FROM ${from} AND DueUtc <= ? ORDER BY DueUtc, Sequence LIMIT ? + 0 OFFSET ?`,
  );
}

/** The rows of prompt and delayed messages as one sequence. The caller must not change due messages meanwhile. */
export class DueRows<Row> {
  readonly #prompt: IndexRows<Row>;
  readonly #delayed: IndexRows<Row> | null;
  readonly #compare: DueQuery<Row>['compare'];

  constructor(
    connection: Connection,
    { now, isDelayedDue }: DueOrder,
    { sql, values = () => [], expected, compare }: DueQuery<Row>,
  ) {
    const rowsOf = (index: UnblockedIndex) =>
      new IndexRows<Row>(connection, sql[index], (count) => [...values(count), now], expected);
    this.#prompt = rowsOf('Due');
    this.#delayed = isDelayedDue ? rowsOf('Delayed') : null;
    this.#compare = compare;
  }

  /** Returns undefined behind the last row. */
  next(): Row | undefined {
    const delayed = this.#delayed?.first;
    if (delayed === undefined) return this.#prompt.take();
    const prompt = this.#prompt.first;
    const isPrompt = prompt !== undefined && this.#compare(prompt, delayed) < 0;
    return isPrompt ? this.#prompt.take() : this.#delayed!.take();
  }

  /** Drops the rows that were read and not taken. */
  end(): void {
    this.#prompt.end();
    this.#delayed?.end();
  }
}

/** The most rows that one statement reads at first, and at all: they are in memory together. */
const mostAtFirst = 128;
const mostAtOnce = 512;

/** The rows of the first statement behind those that were expected. Each later one reads twice as many. */
const fewestBehind = 16;

/** The rows of one index. */
class IndexRows<Row> {
  readonly #connection: Connection;
  readonly #sql: string;
  readonly #values: (count: number) => readonly SQLInputValue[];
  readonly #expected: number;
  #rows: readonly Row[] = [];
  #at = 0;
  /** How many rows were read. */
  #read = 0;
  #mostNext = mostAtFirst;
  #behind = fewestBehind;
  #areAllRead = false;

  constructor(
    connection: Connection,
    sql: string,
    values: (count: number) => readonly SQLInputValue[],
    expected: number,
  ) {
    this.#connection = connection;
    this.#sql = sql;
    this.#values = values;
    this.#expected = expected;
  }

  get first(): Row | undefined {
    if (this.#at === this.#rows.length && !this.#areAllRead) this.#readOn();
    return this.#rows[this.#at];
  }

  take(): Row | undefined {
    const row = this.first;
    this.#at++;
    return row;
  }

  end(): void {
    this.#rows = [];
  }

  #readOn(): void {
    const left = this.#expected - this.#read;
    const count = Math.min(left > 0 ? left : this.#behind, this.#mostNext);
    // Each statement steps over the rows before it, so a walk over many rows that are left out takes few of them.
    if (left <= 0) this.#behind *= 2;
    this.#rows = this.#connection.allTuples<Row>(this.#sql, ...this.#values(count), count, this.#read);
    this.#at = 0;
    this.#read += this.#rows.length;
    this.#areAllRead = this.#rows.length < count;
    this.#mostNext = mostAtOnce;
  }
}
