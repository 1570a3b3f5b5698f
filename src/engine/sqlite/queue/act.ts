/** What operators do to messages that are not in flight: replay (Q13), discard, cancel, reschedule and replace. */
import {
  actStates,
  type MessageAct,
  type MessageTarget,
  messageStates,
  type Replacement,
} from '../../message-search.ts';
import type { Connection } from '../connection.ts';
import { type StoredText, text, textColumn } from '../text.ts';
import { wholeMs } from '../time.ts';
import { addKey, blockMessages, type GroupKeys, headOf, keyColumn, unblockHeads } from './ordering.ts';
import { perTable, type QueueTable, versionColumn } from './records.ts';

const statements = perTable((table) => {
  const ready = `Status = 0, InGroup = 1, Blocked = OrderingKey IS NOT NULL, SettledUtc = NULL, ClaimFence = NULL, Attempts = 0, Parks = 0`;
  const kept =
    'Topic, CorrelationId, OrderingKey, Source, Hash, EnqueuedUtc, DueUtc, DueSetUtc, Attempts, Parks, ReplayCount, FirstError, LastError, Headers, Payload';
  const target = `SELECT Sequence, ${textColumn('MessageId')}, Status, ${keyColumn}, ${versionColumn} AS Version FROM ${table}`;
  return {
    byId: `${target} INDEXED BY ${table}_MessageId WHERE MessageId = ?`,
    bySequence: `${target} WHERE Sequence = ?`,
    replay: `UPDATE ${table} SET ${ready}, DueUtc = :now, DueSetUtc = :now,
        ReplayCount = min(max(ReplayCount, 0), 2147483646) + 1
      WHERE Sequence = :sequence`,
    discard: `DELETE FROM ${table} WHERE Sequence = :sequence`,
    cancel: `UPDATE ${table} SET Status = 2, SettledUtc = :now, EndReason = :reason, InGroup = 0, Blocked = 0, Recovered = 0, Parks = 0,
        ClaimFence = NULL
      WHERE Sequence = :sequence`,
    // A throttled message is due, and may be due later now. A parked one is no longer parked: it would be made due at once.
    reschedule: `UPDATE ${table} SET DueUtc = :due, DueSetUtc = :now, Parks = 0, Blocked = iif(Blocked = 2, 0, Blocked)
      WHERE Sequence = :sequence`,
    // The new message takes the old one's row, and with it its place in the ordering group and its dedup key.
    rename: `UPDATE ${table} SET MessageId = :messageId WHERE Sequence = :sequence`,
    keep: `INSERT INTO ${table} (MessageId, ${kept}, Status, InGroup, SettledUtc, EndReason)
      SELECT :oldId, ${kept}, 2, 0, :now, :reason FROM ${table} WHERE Sequence = :sequence`,
    renew: `UPDATE ${table} SET ${ready}, EnqueuedUtc = :now, DueUtc = :due, DueSetUtc = NULL, Recovered = 0, ReplayCount = 0,
        FirstError = NULL, LastError = NULL, Headers = :headers, Payload = :payload
      WHERE Sequence = :sequence`,
  };
});

interface TargetRow {
  readonly Sequence: number;
  readonly MessageId: StoredText;
  readonly Status: number;
  readonly OrderingKey: Uint8Array | null;
  readonly Version: string;
}

/** The message, if it is in one of these states and has the version asked for. */
function targetRow(
  connection: Connection,
  table: QueueTable,
  { messageId, sequence, version }: MessageTarget,
  states: readonly string[],
): TargetRow | undefined {
  const { byId, bySequence } = statements[table];
  const row =
    messageId === '' && sequence !== undefined
      ? connection.get<TargetRow>(bySequence, sequence)
      : connection.get<TargetRow>(byId, messageId);
  if (row === undefined || !states.includes(messageStates[row.Status]!)) return undefined;
  return version === undefined || version === row.Version ? row : undefined;
}

export function act(
  connection: Connection,
  table: QueueTable,
  request: MessageAct,
  targets: readonly MessageTarget[],
  now: number,
): string[] {
  const rows = new Map<number, TargetRow>();
  const keys: GroupKeys = new Map();
  for (const target of targets) {
    const row = targetRow(connection, table, target, actStates[request.do]);
    if (row === undefined) continue;
    rows.set(row.Sequence, row);
    addKey(keys, row.OrderingKey);
  }
  const groups = [...keys.values()];
  const headsBefore = groups.flatMap((key) => headOf(connection, table, key) ?? []);
  const statement = connection.prepare(statements[table][request.do]);
  const values = valuesOf(request, now);
  for (const sequence of rows.keys()) statement.run({ ...values, sequence });
  // When a replayed message comes before the current head, that head is blocked again.
  if (request.do === 'replay') blockMessages(connection, table, headsBefore);
  unblockHeads(connection, table, groups);
  return [...rows.values()].map(({ MessageId }) => text(MessageId));
}

function valuesOf(request: MessageAct, now: number): Record<string, number | string> {
  switch (request.do) {
    case 'replay':
      return { now };
    case 'discard':
      return {};
    case 'cancel':
      return { now, reason: request.reason };
    case 'reschedule':
      return { now, due: now + wholeMs(request.delayMs) };
  }
}

export function replace(
  connection: Connection,
  table: QueueTable,
  { target, messageId, payload, headers, delayMs, reason }: Replacement,
  now: number,
): boolean {
  const row = targetRow(connection, table, target, ['ready', 'dead']);
  if (row === undefined) return false;
  const { Sequence: sequence, OrderingKey: key } = row;
  const head = key === null ? undefined : headOf(connection, table, key);
  const write = (sql: string, values: Record<string, number | string | null>) =>
    connection.prepare(sql).run({ sequence, ...values });
  const sql = statements[table];
  write(sql.rename, { messageId });
  write(sql.keep, { oldId: text(row.MessageId), now, reason });
  const storedHeaders = Object.keys(headers).length === 0 ? null : JSON.stringify(headers);
  write(sql.renew, { now, due: now + wholeMs(delayMs), headers: storedHeaders, payload });
  if (head !== undefined) blockMessages(connection, table, [head]);
  if (key !== null) unblockHeads(connection, table, [key]);
  return true;
}
