/**
 * Claims the oldest due messages (Q4). Together with the head of an ordering group it claims the due messages right
 * behind the head (Q10).
 */
import { lastUsed } from '../../../compiled-code.ts';
import type { ClaimedMessage } from '../../message.ts';
import type { Claim, ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { type Candidate, type CandidateOrder, Candidates } from './candidates.ts';
import { fewRows, perTable, type QueueTable, unreadableDueMs } from './records.ts';
import { messagesWithRoomBehind } from './room-behind.ts';
import { Rooms } from './rooms.ts';
import { spanOf } from './span.ts';
import { type ThrottleOrder, throttle } from './throttle.ts';
import { unblockedIn, unblockedIndexes } from './unblocked.ts';

/** One more attempt, within the column's bounds whatever another program has stored there. */
const oneMore = 'min(max(Attempts, 0), 2147483646) + 1';

const statements = perTable((table) => ({
  /**
   * These claim the first messages of an index: those due before a time, and those due at that time up to a sequence. Each
   * reads only the rows that it claims. A comparison of both columns at once would read all that are due at that time,
   * because SQLite seeks only by the first column.
   */
  takeFirst: unblockedIndexes.map((index) => {
    const take = `UPDATE ${table} INDEXED BY ${table}_${index} SET Status = 1, Attempts = ${oneMore}, ClaimFence = ?
      WHERE ${unblockedIn[index]}`;
    return { before: `${take} AND DueUtc < ?`, at: `${take} AND DueUtc = ? AND Sequence <= ?` };
  }),
  /** These claim a whole span; the second one also messages that were blocked. */
  takeSpan: `UPDATE ${table} NOT INDEXED SET Status = 1, Attempts = ${oneMore}, ClaimFence = ?
    WHERE Sequence BETWEEN ? AND ?`,
  takeSpanOfGroups: `UPDATE ${table} NOT INDEXED SET Status = 1, Attempts = ${oneMore}, ClaimFence = ?, Blocked = 0
    WHERE Sequence BETWEEN ? AND ?`,
  takeOne: `UPDATE ${table} SET Status = 1, Attempts = ${oneMore}, ClaimFence = ?, Blocked = 0
    WHERE Sequence = ?`,
}));

export interface ClaimOrder extends ClaimLimits, ThrottleOrder, CandidateOrder {
  readonly fence: number;
  /**
   * True when no other message of this run is in flight: the claim may then return a recovered message by itself (Q7).
   */
  readonly solo: boolean;
}

export interface Claimed extends Pick<Claim, 'messages' | 'more' | 'onlySolo'> {
  /** Whether an unblocked message is known to be due still. */
  readonly isDueLeft: boolean;
}

/**
 * Claims messages. Call it within a write transaction, as the lease's holder. In the result, `more` says whether the
 * limits or a recovered message left messages unclaimed that may be claimed.
 */
export function claim(connection: Connection, table: QueueTable, order: ClaimOrder): Claimed {
  const { limit, areLeft, heads } = throttle(connection, table, order);
  const rooms = new Rooms(order.rooms ?? []);
  const withRoom = messagesWithRoomBehind(connection, table, new Rooms(order.rooms ?? []), heads, order);
  const mayFollow = ({ topic, source, sequence }: ClaimedMessage) =>
    withRoom.has(sequence) || rooms.of(topic, source ?? '') === undefined;
  const candidates = new Candidates(connection, table, order, mayFollow);
  const taken: Candidate[] = [];
  let bytes = 0;
  let isStopped = false;
  while (taken.length < limit) {
    const candidate = candidates.next();
    if (candidate === null) break;
    const isTooLarge = taken.length > 0 && bytes + candidate.bytes > order.maxBytes;
    isStopped = isTooLarge || !fits(candidate.message, taken, order);
    if (isStopped) break;
    taken.push(candidate);
    bytes += candidate.bytes;
    candidates.took(candidate);
  }
  const { isDueLeft } = candidates;
  const more = areLeft || isStopped || isDueLeft || candidates.isFollowerLeft || candidates.recoveredBehind;
  markClaimed(connection, table, taken, order.fence, candidates.leftOut);
  candidates.blockMisplaced();
  candidates.end();
  lastUsed.candidates = candidates;
  return {
    messages: taken.map(({ message }) => message),
    more,
    onlySolo: isStopped && taken.length === 0,
    isDueLeft,
  };
}

/** Whether the message may be claimed beside those taken: a recovered one only beside others like it (Q7). */
function fits(
  message: ClaimedMessage,
  taken: readonly Candidate[],
  { solo, together = 1 }: ClaimOrder,
): boolean {
  const first = taken[0]?.message;
  if (first === undefined) return !message.recovered || solo;
  if (!first.recovered) return !message.recovered;
  return taken.length < together && diedOnce(first) && diedOnce(message);
}

/** Whether it was recovered after its first start. A message that was started more often may be what kills its run. */
function diedOnce({ recovered, attempt }: ClaimedMessage): boolean {
  return recovered && attempt === 2;
}

/** @param leftOut whether a due message before the last one taken was left out */
function markClaimed(
  connection: Connection,
  table: QueueTable,
  taken: readonly Candidate[],
  fence: number,
  leftOut: boolean,
): void {
  const { takeFirst, takeSpan, takeSpanOfGroups, takeOne } = statements[table];
  const span = taken.length > 1 ? spanOf(taken) : undefined;
  if (span !== undefined) {
    const take = taken.some(({ follows }) => follows) ? takeSpanOfGroups : takeSpan;
    assertClaimed(connection.run(take, fence, span.first, span.last), taken.length);
    return;
  }
  const due = taken.filter(({ follows }) => !follows);
  const [first, last] = [due.at(0), due.at(-1)];
  const areFirst = due.length > fewRows && !leftOut && first!.turn > unreadableDueMs;
  if (areFirst) {
    const { turn, sequence } = last!;
    let left = due.length;
    for (const { before, at } of takeFirst) {
      if (left > 0 && first!.turn < turn) left -= connection.run(before, fence, turn);
      if (left > 0) left -= connection.run(at, fence, turn, sequence);
    }
    assertClaimed(due.length - left, due.length);
  }
  for (const { sequence, follows } of taken)
    if (follows || !areFirst) connection.run(takeOne, fence, sequence);
}

function assertClaimed(claimed: number, due: number): void {
  if (claimed !== due) throw new Error(`a claim of ${due} due messages claimed ${claimed}`);
}
