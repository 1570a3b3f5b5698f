/** Lines of ordering keys: who stands at the head, and letting heads forward (Q10). */
import type { Connection } from '../connection.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  head: `SELECT Sequence, Status, HeldBack,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Claimed WHERE OrderingKey = :key AND Status = 1) AS Running
    FROM ${table} INDEXED BY ${table}_Line
    WHERE OrderingKey = :key AND InLine = 1 ORDER BY Sequence LIMIT 1`,
  forward: `UPDATE ${table} SET HeldBack = 0 WHERE Sequence = ?`,
  holdBack: `UPDATE ${table} SET HeldBack = 1 WHERE Sequence = ? AND Status = 0`,
}));

export interface Head {
  readonly Sequence: number;
  readonly Status: number;
  readonly HeldBack: number;
  /** 1 when a message of the key is claimed: the head itself, or one behind a head that was replayed. */
  readonly Running: number;
}

/** The first of a key's line; undefined when nobody stands in it. */
export function headOf(connection: Connection, table: QueueTable, key: string): Head | undefined {
  return connection.prepare(statements[table].head).get({ key }) as Head | undefined;
}

/**
 * Lets the head of each line forward, where it is Ready and nothing of its key is running. Called after anything
 * that may have taken a message out of a line or put one back.
 */
export function letHeadsForward(connection: Connection, table: QueueTable, keys: Iterable<string>): void {
  for (const key of keys) {
    const head = headOf(connection, table, key);
    if (head !== undefined && head.Status === 0 && head.HeldBack === 1 && head.Running === 0) {
      connection.run(statements[table].forward, head.Sequence);
    }
  }
}

/** Takes Ready messages out of the index of due ones; their line lets them forward again. */
export function holdBack(connection: Connection, table: QueueTable, sequences: readonly number[]): void {
  for (const sequence of sequences) connection.run(statements[table].holdBack, sequence);
}
