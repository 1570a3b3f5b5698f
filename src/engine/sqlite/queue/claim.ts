/**
 * Claims the oldest due messages (Q4). Together with the head of an ordering group it claims the due messages right
 * behind the head (Q10).
 */
import type { ClaimedMessage } from '../../message.ts';
import type { Claim, ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { blockMessages, isFreeHead, unblockHeads } from './ordering.ts';
import {
  type ClaimRow,
  claimColumns,
  claimedMessage,
  dueMsOf,
  fewRows,
  perTable,
  type QueueTable,
  unreadableDueMs,
} from './records.ts';
import { messagesWithRoomBehind } from './room-behind.ts';
import { Rooms } from './rooms.ts';
import { type ThrottleOrder, throttle } from './throttle.ts';
import { iterateUnblocked, perUnblockedIndex, unblockedIn, unblockedIndexes } from './unblocked.ts';

/** One more attempt, within the column's bounds whatever another program has stored there. */
const oneMore = 'min(max(Attempts, 0), 2147483646) + 1';

const statements = perTable((table) => ({
  due: perUnblockedIndex(
    table,
    (from) => `SELECT ${claimColumns} FROM ${from} AND DueUtc <= ? ORDER BY DueUtc, Sequence`,
  ),
  next: `SELECT Status = 0 AND Blocked < 2, ${claimColumns} FROM ${table} INDEXED BY ${table}_Group
    WHERE OrderingKey = ? AND InGroup = 1 AND Sequence > ? ORDER BY Sequence LIMIT 1`,
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
  takeOne: `UPDATE ${table} SET Status = 1, Attempts = ${oneMore}, ClaimFence = ?, Blocked = 0
    WHERE Sequence = ?`,
}));

export interface ClaimOrder extends ClaimLimits, ThrottleOrder {
  readonly fence: number;
  /**
   * True when no other message of this run is in flight: the claim may then return a recovered message by itself (Q7).
   */
  readonly solo: boolean;
  /** How many messages that were recovered after their first start the claim may return together. Default: 1. */
  readonly together?: number;
}

/**
 * A message that may be claimed. `turn` is its position in the order: its due time, or the turn of its predecessor in
 * the ordering group if that is later.
 */
interface Candidate {
  readonly message: ClaimedMessage;
  /** Of the payload and the headers, as stored. */
  readonly bytes: number;
  readonly turn: number;
  /** Whether the message was read from its ordering group, and not from an index of due messages. */
  readonly follows: boolean;
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
  let more = areLeft;
  let onlySolo = false;
  let isDueLeft = false;
  try {
    for (let candidate = candidates.next(); candidate !== null; candidate = candidates.next()) {
      const { message } = candidate;
      const isFirst = taken.length === 0;
      const overLimit = taken.length >= limit || (!isFirst && bytes + candidate.bytes > order.maxBytes);
      if (overLimit || !fits(message, taken, order)) {
        more = true;
        onlySolo = isFirst && !overLimit;
        isDueLeft = !candidate.follows;
        break;
      }
      taken.push(candidate);
      bytes += candidate.bytes;
      candidates.took(candidate);
    }
  } finally {
    candidates.close();
  }
  markClaimed(connection, table, taken, order.fence, candidates.leftOut);
  candidates.blockMisplaced();
  return {
    messages: taken.map(({ message }) => message),
    more: more || candidates.recoveredBehind,
    onlySolo,
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
  const { takeFirst, takeOne } = statements[table];
  const due = taken.filter(({ follows }) => !follows);
  const [first, last] = [due.at(0), due.at(-1)];
  const areFirst = due.length > fewRows && !leftOut && first!.turn > unreadableDueMs;
  if (areFirst) {
    const { turn, message } = last!;
    let left = due.length;
    for (const { before, at } of takeFirst) {
      if (left > 0 && first!.turn < turn) left -= connection.run(before, fence, turn);
      if (left > 0) left -= connection.run(at, fence, turn, message.sequence);
    }
    if (left !== 0) throw new Error(`a claim of ${due.length} due messages left ${left} of them Ready`);
  }
  for (const { message, follows } of taken)
    if (follows || !areFirst) connection.run(takeOne, fence, message.sequence);
}

/**
 * The messages that a claim may take, oldest first: the due messages, merged with the messages that follow a taken one
 * in its ordering group.
 */
class Candidates {
  /**
   * Whether an ordering group stopped at a recovered message, which can be claimed when the messages before it are
   * done.
   */
  recoveredBehind = false;
  readonly #connection: Connection;
  readonly #table: QueueTable;
  readonly #order: ClaimOrder;
  readonly #due: Iterator<ClaimRow>;
  /** The candidate that was read from `#due` and not yet returned. */
  #ahead: Candidate | null | undefined;
  /**
   * The next message of each ordering group that has a taken message, sorted so that the earliest turn is
   * last.
   */
  readonly #followers: Candidate[] = [];
  readonly #mayFollow: (message: ClaimedMessage) => boolean;
  /** The sequences of messages that are not blocked although they are not the head of their group. */
  readonly #misplaced: number[] = [];
  readonly #misplacedKeys = new Set<string>();

  /** @param mayFollow whether a message that follows a taken one may be taken */
  constructor(
    connection: Connection,
    table: QueueTable,
    order: ClaimOrder,
    mayFollow: (message: ClaimedMessage) => boolean,
  ) {
    this.#connection = connection;
    this.#table = table;
    this.#order = order;
    this.#mayFollow = mayFollow;
    this.#due = iterateUnblocked<ClaimRow>(connection, statements[table].due, order, byDueTime);
  }

  next(): Candidate | null {
    for (;;) {
      if (this.#ahead === undefined) this.#ahead = this.#nextDue();
      const follower = this.#followers.at(-1);
      if (follower !== undefined && (this.#ahead === null || isBefore(follower, this.#ahead))) {
        this.#followers.pop();
        return follower;
      }
      const candidate = this.#ahead;
      this.#ahead = undefined;
      return candidate;
    }
  }

  /** Adds the next message of the candidate's ordering group to the candidates. */
  took({ message: { orderingKey: key, sequence, recovered }, turn }: Candidate): void {
    if (key === null) return;
    const row = this.#connection.getTuple<NextRow>(statements[this.#table].next, key, sequence);
    if (row === undefined) return;
    const [mayFollow, ...claimRow] = row;
    const dueUtc = dueMsOf(claimRow);
    const { now, together = 1 } = this.#order;
    if (mayFollow === 0 || dueUtc > now) return;
    const message = claimedMessage(this.#connection, this.#table, claimRow);
    if (message.recovered && !(recovered && together > 1)) this.recoveredBehind = true;
    else if (this.#mayFollow(message)) {
      const bytes = claimRow[14];
      insertByTurn(this.#followers, { message, bytes, turn: Math.max(turn, dueUtc), follows: true });
    }
  }

  /** Whether a due message was left out. */
  get leftOut(): boolean {
    return this.#misplaced.length > 0;
  }

  close(): void {
    this.#due.return?.();
  }

  /**
   * Blocks messages that should have been blocked, such as rows inserted by hand. Messages that this claim has taken
   * behind their heads are no longer Ready, so they stay as they are.
   */
  blockMisplaced(): void {
    blockMessages(this.#connection, this.#table, this.#misplaced);
    unblockHeads(this.#connection, this.#table, this.#misplacedKeys);
  }

  #nextDue(): Candidate | null {
    for (;;) {
      const result = this.#due.next();
      if (result.done === true) return null;
      const row = result.value;
      const message = claimedMessage(this.#connection, this.#table, row);
      const { orderingKey: key, sequence } = message;
      if (key === null || this.#mayStart(sequence, key))
        return { message, bytes: row[14], turn: dueMsOf(row), follows: false };
    }
  }

  #mayStart(sequence: number, key: string): boolean {
    if (isFreeHead(this.#connection, this.#table, sequence, key)) return true;
    this.#misplacedKeys.add(key);
    this.#misplaced.push(sequence);
    return false;
  }
}

function byDueTime(one: ClaimRow, other: ClaimRow): number {
  return dueMsOf(one) - dueMsOf(other) || one[0] - other[0];
}

type NextRow = readonly [mayFollow: 0 | 1, ...claim: ClaimRow];

function isBefore(one: Candidate, other: Candidate): boolean {
  return one.turn < other.turn || (one.turn === other.turn && one.message.sequence < other.message.sequence);
}

function insertByTurn(followers: Candidate[], candidate: Candidate): void {
  let low = 0;
  let high = followers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(candidate, followers[middle]!)) low = middle + 1;
    else high = middle;
  }
  followers.splice(low, 0, candidate);
}
