/** Ordering groups: finding the head, blocking and unblocking (Q10). */
import type { Connection } from '../connection.ts';
import { textOfBytes } from '../text.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  head: `SELECT Sequence,
      EXISTS (SELECT 1 FROM ${table} INDEXED BY ${table}_Claimed WHERE OrderingKey = ${textOfBytes(':key')} AND Status = 1) AS Running
    FROM ${table} INDEXED BY ${table}_Group
    WHERE OrderingKey = ${textOfBytes(':key')} AND InGroup = 1 ORDER BY Sequence LIMIT 1`,
  unblock: `UPDATE ${table} SET Blocked = 0 WHERE Sequence = ? AND Blocked = 1`,
  block: `UPDATE ${table} SET Blocked = 1 WHERE Sequence = ? AND Status = 0`,
}));

/** An ordering key's column in a SELECT or RETURNING list. Its bytes, because a key that another program stored need not be UTF-8. */
export const keyColumn = 'CAST(OrderingKey AS BLOB) AS OrderingKey';

/** A `keyColumn`, or a key as text. */
export type OrderingKey = Uint8Array | string;

/** Keys of ordering groups, each once. */
export class GroupKeys {
  readonly #keys = new Map<string, Uint8Array>();

  add(key: Uint8Array | null): void {
    if (key !== null) this.#keys.set(Buffer.from(key).toString('latin1'), key);
  }

  values(): Iterable<Uint8Array> {
    return this.#keys.values();
  }
}

export interface Head {
  readonly Sequence: number;
  /** 1 when a message of the group is claimed: the head itself, or a message behind a replayed head. */
  readonly Running: number;
}

/** The first message of a key's ordering group; undefined when the group is empty. */
export function headOf(connection: Connection, table: QueueTable, key: OrderingKey): Head | undefined {
  return connection.prepare(statements[table].head).get({ key }) as Head | undefined;
}

/** Only the head of an ordering group may be claimed, and only while no message of the group is claimed. */
export function isFreeHead(
  connection: Connection,
  table: QueueTable,
  sequence: number,
  key: OrderingKey,
): boolean {
  const head = headOf(connection, table, key);
  return head?.Sequence === sequence && head.Running === 0;
}

/**
 * Unblocks the head of each key's ordering group if no message of the group is claimed. Call it after
 * every change that may have removed a message from a group or put one back.
 */
export function unblockHeads(connection: Connection, table: QueueTable, keys: Iterable<OrderingKey>): void {
  for (const key of keys) {
    const head = headOf(connection, table, key);
    if (head?.Running === 0) connection.run(statements[table].unblock, head.Sequence);
  }
}

/** Blocks Ready messages, which removes them from the indexes of unblocked ones until they become the head of their group. */
export function blockMessages(connection: Connection, table: QueueTable, sequences: readonly number[]): void {
  for (const sequence of sequences) connection.run(statements[table].block, sequence);
}
