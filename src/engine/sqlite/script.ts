/**
 * Statements that run either at once, on a connection of node:sqlite, or one by one through a caller's transaction of
 * another driver.
 */
import type { SQLInputValue } from 'node:sqlite';
import type { CallersTransaction, SqlRow } from '../callers-transaction.ts';
import type { Connection } from './connection.ts';

export interface Statement {
  /** Its parameters are `?`. */
  readonly sql: string;
  readonly values: readonly (string | number | null)[];
  /** Default: its rows. `changes`: whether the INSERT stored a row. */
  readonly wanted?: 'rows' | 'changes';
}

export interface Answer {
  readonly rows: readonly SqlRow[];
  readonly changed: boolean;
}

/** Yields statements, gets the answer of each, and returns its result. */
export type Script<T> = Generator<Statement, T, Answer>;

export function runScript<T>(script: Script<T>, connection: Connection): T {
  let step = script.next();
  while (!step.done) step = script.next(answer(connection, step.value));
  return step.value;
}

function answer(connection: Connection, { sql, values, wanted = 'rows' }: Statement): Answer {
  const given = values as SQLInputValue[];
  return wanted === 'changes'
    ? { rows: [], changed: connection.run(sql, ...given) > 0 }
    : { rows: connection.all<SqlRow>(sql, ...given), changed: false };
}

/** Work that yields a value or a promise of it, and gets the value back. */
export type Steps<T> = Generator<unknown, T, unknown>;

/** One step. */
export function* result<T>(value: T | PromiseLike<T>): Steps<T> {
  return (yield value) as T;
}

/** Runs steps of which none yields a promise, before it returns. */
export function runAtOnce<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next(step.value);
  return step.value;
}

export async function runAwaiting<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    const settled = await Promise.resolve(step.value).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    step = 'error' in settled ? steps.throw(settled.error) : steps.next(settled.value);
  }
  return step.value;
}

/**
 * Few drivers tell how many rows a raw statement changed, so the INSERT returns a row. Some take a text that begins with
 * INSERT for one whose id they must return, so it begins with a comment.
 */
export function* scriptThrough<T>(script: Script<T>, { query, placeholder }: CallersTransaction): Steps<T> {
  let step = script.next();
  while (!step.done) {
    const { sql, values, wanted = 'rows' } = step.value;
    let nth = 0;
    const text = sql.replaceAll('?', () => placeholder(++nth));
    const rows = yield* result(
      query(wanted === 'changes' ? `/* multi-outbox */ ${text} RETURNING 1 AS Stored` : text, [...values]),
    );
    step = script.next({ rows, changed: rows.length > 0 });
  }
  return step.value;
}
