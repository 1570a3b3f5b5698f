/** Ordering groups, the messages of one ordering key (Q10): which one is the head, and unblocking heads. */
import type { Connection } from '../connection.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  head: `SELECT Sequence, Status, Blocked,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Claimed WHERE OrderingKey = :key AND Status = 1) AS Running
    FROM ${table} INDEXED BY ${table}_Group
    WHERE OrderingKey = :key AND InGroup = 1 ORDER BY Sequence LIMIT 1`,
  unblock: `UPDATE ${table} SET Blocked = 0 WHERE Sequence = ?`,
  block: `UPDATE ${table} SET Blocked = 1 WHERE Sequence = ? AND Status = 0`,
}));

export interface Head {
  readonly Sequence: number;
  readonly Status: number;
  readonly Blocked: number;
  /** 1 when a message of the key is claimed: the head itself, or one behind a head that was replayed. */
  readonly Running: number;
}

/** The first message of a key's ordering group; undefined when the group is empty. */
export function headOf(connection: Connection, table: QueueTable, key: string): Head | undefined {
  return connection.prepare(statements[table].head).get({ key }) as Head | undefined;
}

/**
 * Unblocks the head of each ordering group, where it is Ready and no message of its key is claimed. Called after anything
 * that may have taken a message out of a group or put one back.
 */
export function unblockHeads(connection: Connection, table: QueueTable, keys: Iterable<string>): void {
  for (const key of keys) {
    const head = headOf(connection, table, key);
    if (head !== undefined && head.Status === 0 && head.Blocked === 1 && head.Running === 0) {
      connection.run(statements[table].unblock, head.Sequence);
    }
  }
}

/** Takes Ready messages out of the index of due ones, until they are the heads of their groups. */
export function block(connection: Connection, table: QueueTable, sequences: readonly number[]): void {
  for (const sequence of sequences) connection.run(statements[table].block, sequence);
}
