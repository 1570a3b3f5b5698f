/**
 * Applies outcomes (Q8), each to a row that is still claimed by this run; other outcomes are unmatched. Rows that are
 * claimed under the run's fence are its own if the lease's last acquisition is. A run that outlived a restore of its
 * database may still know a message that is gone, whose sequence another message has now, so the ids are compared too,
 * unless it is known that the database was not restored.
 */

import type { Outcome, SettledMessage } from '../../message.ts';
import { cutError } from '../../stored-values.ts';
import type { SettleRequest } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { type StoredText, text, textColumn } from '../text.ts';
import { wholeMs } from '../time.ts';
import { addKey, type GroupKeys, keyColumn, unblockBehindSettled, unblockHeads } from './ordering.ts';
import { fewRows, perTable, type QueueTable } from './records.ts';
import { spanOf } from './span.ts';

const statements = perTable((table) => {
  // A message whose id cannot be read has the id ''.
  const ours = `Sequence = :sequence AND :messageId IN ('', MessageId) AND ClaimFence = :fence AND Status = 1`;
  const key = `RETURNING ${keyColumn}`;
  const errors = 'LastError = coalesce(:error, LastError), FirstError = coalesce(FirstError, :error)';
  // Every message with a key is blocked at first; then the head of its group is unblocked.
  const ready = 'Status = 0, ClaimFence = NULL, Blocked = OrderingKey IS NOT NULL';
  const done = 'Status = 2, SettledUtc = ?, ClaimFence = NULL, InGroup = 0, Recovered = 0, Parks = 0';
  return {
    allDone: `UPDATE ${table} INDEXED BY ${table}_Claimed SET ${done} WHERE Status = 1 AND ClaimFence = ?`,
    done: `UPDATE ${table} INDEXED BY ${table}_Claimed SET ${done}
      WHERE Status = 1 AND Sequence IN (SELECT value FROM json_each(?))`,
    oneDone: `UPDATE ${table} SET ${done} WHERE Sequence = ? AND Status = 1`,
    counts: `SELECT count(*), count(OrderingKey) FROM ${table} INDEXED BY ${table}_Claimed WHERE Status = 1`,
    countsOfSpan: `SELECT count(*), count(OrderingKey) FROM ${table} INDEXED BY ${table}_Claimed
      WHERE Status = 1 AND Sequence BETWEEN ? AND ?`,
    doneSpan: `UPDATE ${table} NOT INDEXED SET ${done} WHERE Sequence BETWEEN ? AND ? AND Status = 1 AND ClaimFence = ?`,
    claimedSequences: `SELECT Sequence FROM ${table} INDEXED BY ${table}_Claimed WHERE Status = 1`,
    identities: `SELECT group_concat(Sequence || ' ' || MessageId, char(10)) FROM ${table} INDEXED BY ${table}_Claimed
      WHERE Status = 1 AND ClaimFence = ?`,
    claimedOne: `SELECT Sequence, ${textColumn('MessageId')}, ${keyColumn} FROM ${table}
      WHERE Sequence = ? AND Status = 1 AND ClaimFence = ?`,
    claimed: `SELECT Sequence, ${textColumn('MessageId')}, ${keyColumn} FROM ${table} INDEXED BY ${table}_Claimed
      WHERE Status = 1 AND ClaimFence = ?`,
    retry: `UPDATE ${table} SET ${ready}, DueUtc = :due, DueSetUtc = :now, Recovered = 0, Parks = 0, ${errors} WHERE ${ours} ${key}`,
    dead: `UPDATE ${table}
      SET Status = 3, SettledUtc = :now, ClaimFence = NULL, InGroup = :inGroup, Recovered = 0, Parks = 0,
        Attempts = max(0, Attempts - :unstarted), ${errors}
      WHERE ${ours} ${key}`,
    // Without a delay the message keeps its due time, and so its place among the due messages. A value that the table
    // would refuse is put right, because it would fail the whole batch.
    release: `UPDATE ${table}
      SET ${ready}, DueUtc = coalesce(:due, ${acceptedTime('DueUtc')}),
        DueSetUtc = iif(:due IS NULL, ${acceptedTime('DueSetUtc')}, :now), Attempts = max(0, Attempts - 1),
        Parks = iif(:parked, min(max(Parks, 0), 2147483646) + 1, 0), ${errors}
      WHERE ${ours} ${key}`,
  };
});

interface KeyRow {
  readonly OrderingKey: Uint8Array | null;
}

type ClaimedRow = readonly [sequence: number, messageId: StoredText, orderingKey: Uint8Array | null];

export interface ApplyOrder extends Pick<SettleRequest, 'lease' | 'outcomes' | 'onDead'> {
  readonly now: number;
  /** Whether the run's lease is the last acquisition in the database. */
  readonly isLast: boolean;
  /** Whether the database is known to have the run's whole history, so that a sequence is the same message; see RunCalls. */
  readonly isUnbroken: boolean;
}

/** Applies the outcomes and unblocks the ordering groups concerned. Returns the sequences of the unmatched outcomes. */
export function applyOutcomes(connection: Connection, table: QueueTable, order: ApplyOrder): number[] {
  const { outcomes, isLast } = order;
  if (!isLast) return outcomes.map(({ sequence }) => sequence);
  const unmatched: number[] = [];
  const keys: GroupKeys = new Map();
  const done: SettledMessage[] = [];
  for (const outcome of outcomes) {
    if (outcome.kind === 'done') {
      done.push(outcome);
      continue;
    }
    const row = applyOne(connection, table, outcome, order);
    if (row === undefined) unmatched.push(outcome.sequence);
    else addKey(keys, row.OrderingKey);
  }
  if (done.length > 0) unmatched.push(...applyDone(connection, table, done, order, keys));
  unblockHeads(connection, table, keys.values());
  return unmatched;
}

/**
 * Most outcomes are `done`. Their ids are compared before they are written: with the comparison of ids in the
 * statement, a drain at batch 500 took 40 % more time in the engine. Returns the sequences of the unmatched outcomes.
 */
function applyDone(
  connection: Connection,
  table: QueueTable,
  done: readonly SettledMessage[],
  order: ApplyOrder,
  keys: GroupKeys,
): number[] {
  if (done.length <= fewRows) return applyEachDone(connection, table, done, order, keys);
  if (order.isUnbroken) {
    const unmatched = applyDoneSpan(connection, table, done, order);
    if (unmatched !== undefined) return unmatched;
  }
  const claimed = countClaimed(connection, table);
  if (!areAllClaimed(connection, table, done, claimed, order))
    return applyEachDone(connection, table, done, order, keys);
  connection.run(statements[table].allDone, order.now, order.lease.fence);
  if (claimed.keyed > 0) unblockBehindSettled(connection, table, order.now);
  return [];
}

/**
 * Writes the outcomes of a span of sequences without their ids. Returns undefined, and writes nothing, if they are not a
 * span, if one of the messages is not claimed, or if ordering groups could be unblocked while others are claimed.
 */
function applyDoneSpan(
  connection: Connection,
  table: QueueTable,
  done: readonly SettledMessage[],
  { lease, now }: ApplyOrder,
): number[] | undefined {
  const span = spanOf(done);
  if (span === undefined) return undefined;
  const { first, last } = span;
  const { countsOfSpan, doneSpan, claimedSequences } = statements[table];
  const [messages, keyed] = connection.getTuple<[number, number]>(countsOfSpan, first, last)!;
  if (messages !== done.length) return undefined;
  if (keyed > 0 && countClaimed(connection, table).messages !== done.length) return undefined;
  const changed = connection.run(doneSpan, now, first, last, lease.fence);
  if (keyed > 0) unblockBehindSettled(connection, table, now);
  if (changed === done.length) return [];
  // Another program has stored another fence.
  const left = connection.allTuples<[sequence: number]>(claimedSequences).flat();
  return left.filter((sequence) => sequence >= first && sequence <= last);
}

interface ClaimedCounts {
  readonly messages: number;
  /** Those with an ordering key. */
  readonly keyed: number;
}

function countClaimed(connection: Connection, table: QueueTable): ClaimedCounts {
  const [messages, keyed] = connection.getTuple<[number, number]>(statements[table].counts)!;
  return { messages, keyed };
}

/**
 * Whether these are all claimed messages. One text of them all is compared, which takes less than half the time of
 * reading and comparing each.
 */
function areAllClaimed(
  connection: Connection,
  table: QueueTable,
  done: readonly SettledMessage[],
  claimed: ClaimedCounts,
  { lease }: ApplyOrder,
): boolean {
  if (claimed.messages !== done.length) return false;
  // The lines of other messages might be the same text if an id had a line break.
  if (done.some(({ messageId }) => messageId.includes('\n'))) return false;
  const lines = done.map(({ sequence, messageId }) => `${sequence} ${messageId}`);
  const [stored] = connection.getTuple<[string | null]>(statements[table].identities, lease.fence)!;
  if (stored === null) return false;
  // The index has messages without ordering keys by sequence, and most often they end in this order.
  if (stored === lines.join('\n')) return true;
  const wanted = new Set(lines);
  const found = stored.split('\n');
  // The lines found differ.
  return found.length === done.length && found.every((line) => wanted.has(line));
}

function applyEachDone(
  connection: Connection,
  table: QueueTable,
  done: readonly SettledMessage[],
  { lease, now }: ApplyOrder,
  keys: GroupKeys,
): number[] {
  const sql = statements[table];
  const claimed = new Map<number, ClaimedRow>();
  const rows =
    done.length <= fewRows
      ? done.flatMap(({ sequence }) =>
          connection.allTuples<ClaimedRow>(sql.claimedOne, sequence, lease.fence),
        )
      : connection.allTuples<ClaimedRow>(sql.claimed, lease.fence);
  for (const row of rows) claimed.set(row[0], row);
  const matched: number[] = [];
  const unmatched: number[] = [];
  for (const { sequence, messageId } of done) {
    const row = claimed.get(sequence);
    if (row === undefined || text(row[1]) !== messageId) {
      unmatched.push(sequence);
      continue;
    }
    // Another outcome of the same message would not match any more.
    claimed.delete(sequence);
    matched.push(sequence);
    addKey(keys, row[2]);
  }
  if (matched.length <= fewRows) for (const sequence of matched) connection.run(sql.oneDone, now, sequence);
  else connection.run(sql.done, now, JSON.stringify(matched));
  return unmatched;
}

function applyOne(
  connection: Connection,
  table: QueueTable,
  outcome: SettledMessage & Exclude<Outcome, { kind: 'done' }>,
  { lease, onDead, now }: ApplyOrder,
): KeyRow | undefined {
  const { sequence, messageId } = outcome;
  const which = { sequence, messageId, fence: lease.fence };
  const error = outcome.error === undefined ? null : cutError(outcome.error);
  const write = (sql: string, values: Record<string, number | string | null>) =>
    connection.prepare(sql).get({ ...which, error, ...values }) as KeyRow | undefined;
  switch (outcome.kind) {
    case 'retry':
      return write(statements[table].retry, {
        now,
        due: now + wholeMs(outcome.delayMs),
      });
    case 'dead':
      return write(statements[table].dead, {
        now,
        inGroup: onDead === 'block' ? 1 : 0,
        unstarted: outcome.unstarted === true ? 1 : 0,
      });
    case 'release':
      return write(statements[table].release, {
        now,
        due: outcome.delayMs > 0 ? now + wholeMs(outcome.delayMs) : null,
        parked: outcome.parked === true ? 1 : 0,
      });
    default:
      throw new TypeError(`there is no outcome '${(outcome satisfies never as Outcome).kind}'`);
  }
}
