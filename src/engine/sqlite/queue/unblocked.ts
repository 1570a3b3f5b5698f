/**
 * Unblocked Ready messages. Each is in one of two indexes by due time: Due has those that were due at once when the due
 * time was set, Delayed has the others. Both are read together, in the order of due times.
 */
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import type { QueueTable } from './records.ts';

/** When the due time was set. */
export const dueSetSql = 'coalesce(DueSetUtc, EnqueuedUtc)';

/** The messages of each index, as a condition; as in the table's definition. */
export const unblockedIn = {
  Due: `Status = 0 AND Blocked = 0 AND DueUtc <= ${dueSetSql}`,
  Delayed: `Status = 0 AND Blocked = 0 AND DueUtc > ${dueSetSql}`,
} as const;
export type UnblockedIndex = keyof typeof unblockedIn;

export const unblockedIndexes = ['Due', 'Delayed'] as const satisfies readonly UnblockedIndex[];

/** Builds a statement once for each of the two indexes; `from` is its FROM clause, with the beginning of WHERE. */
export function perUnblockedIndex(
  table: QueueTable,
  build: (from: string) => string,
): Readonly<Record<UnblockedIndex, string>> {
  const from = (index: UnblockedIndex) =>
    build(`${table} INDEXED BY ${table}_${index} WHERE ${unblockedIn[index]}`);
  return { Due: from('Due'), Delayed: from('Delayed') };
}

/** The earliest due time of the messages of each index; no row when there is none. */
export function firstDueSql(table: QueueTable): Readonly<Record<UnblockedIndex, string>> {
  return perUnblockedIndex(
    table,
    (from) => `SELECT ${acceptedTime('DueUtc')} FROM ${from} ORDER BY DueUtc, Sequence LIMIT 1`,
  );
}

/** The earliest due time, DueUtc, of all unblocked Ready messages; no row or NULL when there is none. */
export function nextDueSql(table: QueueTable): string {
  const { Due, Delayed } = firstDueSql(table);
  return `SELECT min(DueUtc) AS DueUtc FROM (SELECT (${Due}) AS DueUtc UNION ALL SELECT (${Delayed}))`;
}

/** @param order whether `one` comes before `other` when negative */
export function iterateUnblocked<Row>(
  connection: Connection,
  sql: Readonly<Record<UnblockedIndex, string>>,
  { now, isDelayedDue }: DueOrder,
  order: (one: Row, other: Row) => number,
): Iterator<Row> {
  if (!isDelayedDue) return connection.iterateTuples<Row>(sql.Due, now);
  const delayed = connection.iterateTuples<Row>(sql.Delayed, now);
  const first = delayed.next();
  if (first.done === true) return connection.iterateTuples<Row>(sql.Due, now);
  try {
    return new Merged(connection.iterateTuples<Row>(sql.Due, now), delayed, first.value, order);
  } catch (error) {
    // An open read keeps the connection's snapshot, so that it could write no more.
    delayed.return?.();
    throw error;
  }
}

export interface DueOrder {
  readonly now: number;
  /** False if no delayed message is due, which saves a statement. */
  readonly isDelayedDue: boolean;
}

/** Two ordered iterators as one. */
class Merged<Row> implements Iterator<Row> {
  readonly #prompt: Iterator<Row>;
  readonly #delayed: Iterator<Row>;
  readonly #order: (one: Row, other: Row) => number;
  #nextPrompt: IteratorResult<Row>;
  #nextDelayed: IteratorResult<Row>;

  constructor(
    prompt: Iterator<Row>,
    delayed: Iterator<Row>,
    firstDelayed: Row,
    order: (one: Row, other: Row) => number,
  ) {
    this.#prompt = prompt;
    this.#delayed = delayed;
    this.#order = order;
    this.#nextPrompt = prompt.next();
    this.#nextDelayed = { done: false, value: firstDelayed };
  }

  next(): IteratorResult<Row> {
    const [prompt, delayed] = [this.#nextPrompt, this.#nextDelayed];
    if (prompt.done !== true && (delayed.done === true || this.#order(prompt.value, delayed.value) < 0)) {
      this.#nextPrompt = this.#prompt.next();
      return prompt;
    }
    if (delayed.done !== true) this.#nextDelayed = this.#delayed.next();
    return delayed;
  }

  return(): IteratorResult<Row> {
    this.#prompt.return?.();
    this.#delayed.return?.();
    return { done: true, value: undefined };
  }
}
