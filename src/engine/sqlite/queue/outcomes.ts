/** Applies outcomes (Q8), each to a row that is still claimed under this run's fence; other outcomes are unmatched. */
import { cutError } from '../../stored-values.ts';
import type { Outcome, SettledMessage, SettleRequest } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { acceptedTime } from '../integers.ts';
import { wholeMs } from '../time.ts';
import { GroupKeys, keyColumn, unblockHeads } from './ordering.ts';
import { perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => {
  const ours = 'Sequence = :sequence AND ClaimFence = :fence AND Status = 1';
  const key = `RETURNING ${keyColumn}`;
  const errors = 'LastError = coalesce(:error, LastError), FirstError = coalesce(FirstError, :error)';
  // Every message with a key is blocked at first; then the head of its group is unblocked.
  const ready = 'Status = 0, ClaimFence = NULL, Blocked = OrderingKey IS NOT NULL';
  return {
    done: `UPDATE ${table} INDEXED BY ${table}_Claimed
      SET Status = 2, SettledUtc = ?, ClaimFence = NULL, InGroup = 0, Recovered = 0, Parks = 0
      WHERE Sequence IN (SELECT value FROM json_each(?)) AND ClaimFence = ? AND Status = 1`,
    keyed: `SELECT Sequence, ${keyColumn} FROM ${table} INDEXED BY ${table}_Claimed
      WHERE Status = 1 AND OrderingKey IS NOT NULL`,
    retry: `UPDATE ${table} SET ${ready}, DueUtc = :due, Recovered = 0, Parks = 0, ${errors} WHERE ${ours} ${key}`,
    dead: `UPDATE ${table}
      SET Status = 3, SettledUtc = :now, ClaimFence = NULL, InGroup = :inGroup, Recovered = 0, Parks = 0,
        Attempts = max(0, Attempts - :unstarted), ${errors}
      WHERE ${ours} ${key}`,
    // Without a delay the message keeps its due time, and so its place among the due messages. A value that the table
    // would refuse is put right, because it would fail the whole batch.
    release: `UPDATE ${table}
      SET ${ready}, DueUtc = coalesce(:due, ${acceptedTime('DueUtc')}), Attempts = max(0, Attempts - 1),
        Parks = iif(:parked, min(max(Parks, 0), 2147483646) + 1, 0), ${errors}
      WHERE ${ours} ${key}`,
  };
});

interface KeyRow {
  readonly OrderingKey: Uint8Array | null;
}

interface KeyedRow {
  readonly Sequence: number;
  readonly OrderingKey: Uint8Array;
}

/** Applies the outcomes and unblocks the ordering groups concerned. Returns the sequences of the unmatched outcomes. */
export function applyOutcomes(
  connection: Connection,
  table: QueueTable,
  request: Pick<SettleRequest, 'lease' | 'outcomes' | 'onDead'>,
  now: number,
): number[] {
  const applied = new Set<number>();
  const keys = new GroupKeys();
  const done: number[] = [];
  for (const outcome of request.outcomes) {
    if (outcome.kind === 'done') {
      done.push(outcome.sequence);
      continue;
    }
    const row = applyOne(connection, table, outcome, request, now);
    if (row === undefined) continue;
    applied.add(outcome.sequence);
    keys.add(row.OrderingKey);
  }
  applyDone(connection, table, done, request.lease.fence, now, applied, keys);
  unblockHeads(connection, table, keys.values());
  return request.outcomes.filter(({ sequence }) => !applied.has(sequence)).map(({ sequence }) => sequence);
}

/**
 * Most outcomes are `done`, so one statement writes them all. The count of changed rows shows whether the
 * statement found all rows; RETURNING would list them, but at a tenth of the throughput. If some rows were
 * not found, the statement is undone and repeated for each row.
 */
function applyDone(
  connection: Connection,
  table: QueueTable,
  done: readonly number[],
  fence: number,
  now: number,
  applied: Set<number>,
  keys: GroupKeys,
): void {
  if (done.length === 0) return;
  const keyOf = new Map<number, Uint8Array>();
  for (const row of connection.all<KeyedRow>(statements[table].keyed)) {
    keyOf.set(row.Sequence, row.OrderingKey);
  }
  const write = (sequences: readonly number[]) =>
    connection.run(statements[table].done, now, JSON.stringify(sequences), fence);
  const note = (sequence: number) => {
    applied.add(sequence);
    keys.add(keyOf.get(sequence) ?? null);
  };
  const all = connection.savepoint(() => write(done) === done.length);
  for (const sequence of done) if (all || write([sequence]) === 1) note(sequence);
}

function applyOne(
  connection: Connection,
  table: QueueTable,
  outcome: SettledMessage & Exclude<Outcome, { kind: 'done' }>,
  request: Pick<SettleRequest, 'lease' | 'onDead'>,
  now: number,
): KeyRow | undefined {
  const which = { sequence: outcome.sequence, fence: request.lease.fence };
  const error = outcome.error === undefined ? null : cutError(outcome.error);
  const write = (sql: string, values: Record<string, number | string | null>) =>
    connection.prepare(sql).get({ ...which, error, ...values }) as KeyRow | undefined;
  switch (outcome.kind) {
    case 'retry':
      return write(statements[table].retry, { due: now + wholeMs(outcome.delayMs) });
    case 'dead':
      return write(statements[table].dead, {
        now,
        inGroup: request.onDead === 'block' ? 1 : 0,
        unstarted: outcome.unstarted === true ? 1 : 0,
      });
    case 'release':
      return write(statements[table].release, {
        due: outcome.delayMs > 0 ? now + wholeMs(outcome.delayMs) : null,
        parked: outcome.parked === true ? 1 : 0,
      });
    default:
      throw new TypeError(`there is no outcome '${(outcome satisfies never as Outcome).kind}'`);
  }
}
