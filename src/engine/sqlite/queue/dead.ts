/** Reading, replaying (Q13) and discarding Dead messages. */
import type { MessageRecord } from '../../message.ts';
import type { DeadFilter } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { foldCase } from '../file.ts';
import { latestUtc, wholeMs } from '../time.ts';
import { blockMessages, GroupKeys, headOf, keyColumn, unblockHeads } from './ordering.ts';
import { messageRecord, perTable, type QueueTable, type RecordRow, recordColumns } from './records.ts';

const statements = perTable((table) => {
  const matching = `FROM ${table} INDEXED BY ${table}_Dead
    WHERE Status = 3
      AND (:ids IS NULL OR MessageId COLLATE NOCASE IN (SELECT value FROM json_each(:ids)))
      AND (:topic IS NULL OR fold_case(Topic) = :topic)
      AND SettledUtc <= :deadSince`;
  const oldestFirst = 'ORDER BY SettledUtc, Sequence LIMIT :limit';
  return {
    count: `SELECT count(*) AS Count ${matching}`,
    list: `SELECT ${recordColumns} ${matching}
      AND (SettledUtc, Sequence) > (:afterUtc, :after) ${oldestFirst}`,
    select: `SELECT Sequence, ${keyColumn} ${matching} ${oldestFirst}`,
    settledUtc: `SELECT SettledUtc FROM ${table} WHERE Sequence = ? AND Status = 3`,
    replay: `UPDATE ${table}
      SET Status = 0, InGroup = 1, Blocked = OrderingKey IS NOT NULL, DueUtc = :now, DueSetUtc = :now, SettledUtc = NULL, Attempts = 0,
        Parks = 0, ReplayCount = min(max(ReplayCount, 0), 2147483646) + 1
      WHERE Sequence = :sequence`,
    discard: `DELETE FROM ${table} WHERE Sequence = ?`,
  };
});

function conditions(filter: DeadFilter, now: number) {
  const olderThanMs = wholeMs(filter.olderThanMs ?? 0);
  return {
    ids: filter.messageIds === undefined ? null : JSON.stringify(filter.messageIds),
    topic: filter.topic === undefined ? null : foldCase(filter.topic),
    // If the clock was set back, a message may have become Dead later than now (Q16).
    deadSince: olderThanMs === 0 ? latestUtc : now - olderThanMs,
  };
}

export function countDead(connection: Connection, table: QueueTable, filter: DeadFilter): number {
  const values = conditions(filter, connection.now());
  return (connection.prepare(statements[table].count).get(values) as { Count: number }).Count;
}

/**
 * Returns a page of Dead messages. If the last record of the previous page has since been replayed or discarded, the
 * records before it most likely have been too. The page then starts with the oldest message.
 */
export function listDead(
  connection: Connection,
  table: QueueTable,
  filter: DeadFilter,
  page: { limit: number; after?: number },
): MessageRecord[] {
  const { list, settledUtc } = statements[table];
  const after = page.after ?? 0;
  const anchor = connection.get<{ SettledUtc: number }>(settledUtc, after);
  const values = {
    ...conditions(filter, connection.now()),
    afterUtc: anchor?.SettledUtc ?? Number.MIN_SAFE_INTEGER,
    after,
    limit: page.limit,
  };
  return connection.allTuples<RecordRow>(list, values).map((row) => messageRecord(connection, table, row));
}

interface Selected {
  readonly Sequence: number;
  readonly OrderingKey: Uint8Array | null;
}

function select(
  connection: Connection,
  table: QueueTable,
  filter: DeadFilter,
  limit: number,
  now: number,
): { sequences: number[]; keys: Uint8Array[] } {
  const values = { ...conditions(filter, now), limit };
  const rows = connection.prepare(statements[table].select).all(values) as unknown as Selected[];
  const keys = new GroupKeys();
  for (const row of rows) keys.add(row.OrderingKey);
  return { sequences: rows.map((row) => row.Sequence), keys: [...keys.values()] };
}

export function replayDead(
  connection: Connection,
  table: QueueTable,
  filter: DeadFilter,
  limit: number,
  now: number,
): number {
  const { sequences, keys } = select(connection, table, filter, limit, now);
  const headsBefore = [...keys].flatMap((key) => headOf(connection, table, key) ?? []);
  const replay = connection.prepare(statements[table].replay);
  for (const sequence of sequences) replay.run({ now, sequence });
  // When a replayed message comes before the current head, that head is blocked again.
  blockMessages(connection, table, headsBefore);
  unblockHeads(connection, table, keys);
  return sequences.length;
}

/** The table's own trigger unblocks the ordering group of a deleted message. */
export function discardDead(
  connection: Connection,
  table: QueueTable,
  filter: DeadFilter,
  limit: number,
  now: number,
): number {
  const { sequences } = select(connection, table, filter, limit, now);
  for (const sequence of sequences) connection.run(statements[table].discard, sequence);
  return sequences.length;
}
