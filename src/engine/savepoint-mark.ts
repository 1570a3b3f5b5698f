/** Marks a transaction of SQLite by a savepoint in it, because SQLite has no name for a transaction. */
import { propertyOf } from '../errors.ts';
import { endedMeanwhile, notBegun, type TransactionMark } from './callers-transaction.ts';

/** A connection whose statements have run when the call returns. */
export interface SynchronousConnection {
  exec(sql: string): unknown;
}

interface Savepoint {
  name: string;
}

/** The savepoints of each connection that mark calls, in the order of the calls. Several calls may share one. */
const marked = new WeakMap<object, Savepoint[]>();
let names = 0;

const set = (connection: SynchronousConnection): string => {
  const name = `multi_outbox_call_${++names}`;
  connection.exec(`SAVEPOINT ${name}`);
  return name;
};

/**
 * Sets a savepoint now, and releases it when it is asked: that fails if the transaction has ended since, also if the
 * connection has begun another one.
 * @param isOpen whether the connection has an open transaction; must not throw
 */
export function savepointMark(
  connection: SynchronousConnection,
  isOpen: () => boolean,
): TransactionMark | undefined {
  if (!isOpen()) return { problem: () => notBegun, end() {} };
  const savepoints = marked.get(connection) ?? [];
  let savepoint: Savepoint;
  try {
    savepoint = { name: set(connection) };
  } catch {
    // A statement of the caller is running. It also prevents the storing, unless it has ended by then.
    return undefined;
  }
  savepoints.push(savepoint);
  marked.set(connection, savepoints);
  let isSame: boolean | undefined;
  const problem = () => {
    isSame ??= release(connection, savepoint, savepoints) && isOpen();
    return isSame ? undefined : endedMeanwhile;
  };
  return { problem, end: problem };
}

/** Whether the savepoint was still there. */
function release(connection: SynchronousConnection, savepoint: Savepoint, savepoints: Savepoint[]): boolean {
  const nth = savepoints.indexOf(savepoint);
  const later = savepoints.slice(nth + 1);
  savepoints.splice(nth, 1);
  try {
    connection.exec(`RELEASE ${savepoint.name}`);
    if (later.length === 0) return true;
    // They were set after it in the same transaction, and were released with it.
    const name = set(connection);
    for (const each of later) each.name = name;
    return true;
  } catch (error) {
    // Another error, such as a statement of the caller that is running, will also prevent the storing.
    return !/no such savepoint/i.test(String(propertyOf(error, 'message')));
  }
}
