/**
 * The messages that a claim may take, in their order: the due messages, and with the head of an ordering group the due
 * messages right behind it (Q10).
 */
import type { ClaimedMessage } from '../../message.ts';
import type { ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { type DueOrder, DueRows, dueRowsSql } from './due-rows.ts';
import { blockMessages, mayStartSql, nextInGroupSql, unblockHeads } from './ordering.ts';
import {
  boundedClaimColumns,
  type ClaimRow,
  claimColumns,
  claimedMessage,
  dueMsOf,
  lacksContent,
  perTable,
  type QueueTable,
} from './records.ts';

const statements = perTable((table) => ({
  due: dueRowsSql(table, `${boundedClaimColumns}, ${mayStartSql(table)}, ${nextInGroupSql(table)}`),
  one: `SELECT ${claimColumns}, ${mayStartSql(table)}, ${nextInGroupSql(table)} FROM ${table} WHERE Sequence = ?`,
  follower: `SELECT ${claimColumns}, Status = 0 AND Blocked < 2, ${nextInGroupSql(table)} FROM ${table} WHERE Sequence = ?`,
}));

export interface CandidateOrder extends DueOrder, Pick<ClaimLimits, 'limit' | 'maxBytes'> {
  /** How many messages that were recovered after their first start the claim may return together. Default: 1. */
  readonly together?: number;
}

/**
 * A message that may be claimed. `turn` is its position in the order: its due time, or the turn of its predecessor in
 * the ordering group if that is later.
 */
export interface Candidate {
  readonly sequence: number;
  readonly message: ClaimedMessage;
  /** Of the payload and the headers, as stored. */
  readonly bytes: number;
  readonly turn: number;
  /** Whether the message was read from its ordering group, and not from an index of due messages. */
  readonly follows: boolean;
  /** The sequence of the next message in its ordering group, or null. */
  readonly next: number | null;
}

/** The message behind a taken one. It is read when its turn comes, because most claims end before that. */
interface Follower {
  readonly sequence: number;
  /** Until it is read, the earliest turn that it may have. */
  readonly turn: number;
  readonly before: Candidate;
  /** Absent until it is read. */
  readonly candidate?: Candidate;
}

/** A row with whether its message may be taken, and the sequence of the next message in its ordering group. */
type CandidateRow = ClaimRow & { readonly 15: 0 | 1; readonly 16: number | null };

/**
 * The messages that a claim may take, oldest first: the due messages, merged with the messages that follow a taken one
 * in its ordering group.
 */
export class Candidates {
  /**
   * Whether an ordering group stopped at a recovered message, which can be claimed when the messages before it are
   * done.
   */
  recoveredBehind = false;
  readonly #connection: Connection;
  readonly #table: QueueTable;
  readonly #order: CandidateOrder;
  readonly #due: DueRows<CandidateRow>;
  /** The candidate that was read from `#due` and not yet taken. */
  #ahead: Candidate | null | undefined;
  /**
   * The next message of each ordering group that has a taken message, sorted so that the earliest turn is
   * last.
   */
  readonly #followers: Follower[] = [];
  readonly #mayFollow: (message: ClaimedMessage) => boolean;
  /** The sequences of messages that are not blocked although they are not the head of their group. */
  readonly #misplaced: number[] = [];
  readonly #misplacedKeys = new Set<string>();

  /** @param mayFollow whether a message that follows a taken one may be taken */
  constructor(
    connection: Connection,
    table: QueueTable,
    order: CandidateOrder,
    mayFollow: (message: ClaimedMessage) => boolean,
  ) {
    this.#connection = connection;
    this.#table = table;
    this.#order = order;
    this.#mayFollow = mayFollow;
    // The row behind the last one that is taken shows that there are more.
    const expected = order.limit + 1;
    // All rows that are read at once have no more content than the claim may take.
    const bytes = (count: number) => Math.floor(order.maxBytes / count);
    this.#due = new DueRows<CandidateRow>(connection, order, {
      sql: statements[table].due,
      values: (count) => [bytes(count), bytes(count)],
      expected,
      compare: byDueTime,
    });
  }

  /** The caller either takes it, or ends its claim. */
  next(): Candidate | null {
    for (;;) {
      const due = this.#firstDue();
      const follower = this.#followers.at(-1);
      if (follower === undefined || (due !== null && !isBefore(follower, due))) return due;
      this.#followers.pop();
      if (follower.candidate !== undefined) return follower.candidate;
      const candidate = this.#read(follower);
      if (candidate !== null) insertByTurn(this.#followers, { ...follower, turn: candidate.turn, candidate });
    }
  }

  /** Goes on behind the candidate, and adds the next message of its ordering group to the candidates. */
  took(candidate: Candidate): void {
    const { message, next, turn, follows } = candidate;
    if (!follows) this.#ahead = undefined;
    if (message.orderingKey === null || next === null) return;
    insertByTurn(this.#followers, { sequence: next, turn, before: candidate });
  }

  /** Whether a due message comes behind those taken. */
  get isDueLeft(): boolean {
    return this.#firstDue() !== null;
  }

  /**
   * Whether a message behind a taken one may be taken. `next` would find the earliest of them, and read one of each ordering
   * group for that.
   */
  get isFollowerLeft(): boolean {
    return this.#followers.some((follower) => this.#read(follower) !== null);
  }

  /** Whether a due message was left out. */
  get leftOut(): boolean {
    return this.#misplaced.length > 0;
  }

  /**
   * Blocks messages that should have been blocked, such as rows inserted by hand. Messages that this claim has taken
   * behind their heads are no longer Ready, so they stay as they are.
   */
  blockMisplaced(): void {
    blockMessages(this.#connection, this.#table, this.#misplaced);
    unblockHeads(this.#connection, this.#table, this.#misplacedKeys);
  }

  /** Drops what was read. Nothing can be asked of this object any more; it is kept for its code (compiled-code.ts). */
  end(): void {
    this.#ahead = null;
    this.#followers.length = 0;
    this.#misplaced.length = 0;
    this.#misplacedKeys.clear();
    this.#due.end();
  }

  #firstDue(): Candidate | null {
    if (this.#ahead === undefined) this.#ahead = this.#nextDue();
    return this.#ahead;
  }

  #nextDue(): Candidate | null {
    for (;;) {
      const read = this.#due.next();
      if (read === undefined) return null;
      const row = lacksContent(read) ? this.#whole(read[0]) : read;
      const message = claimedMessage(this.#connection, this.#table, row);
      const { orderingKey: key, sequence } = message;
      if (key === null || row[15] === 1)
        return { sequence, message, bytes: row[14], turn: dueMsOf(row), follows: false, next: row[16] };
      this.#misplacedKeys.add(key);
      this.#misplaced.push(sequence);
    }
  }

  #whole(sequence: number): CandidateRow {
    return this.#connection.getTuple<CandidateRow>(statements[this.#table].one, sequence)!;
  }

  /** Returns null when the message may not be taken now. */
  #read({ sequence, turn, before }: Follower): Candidate | null {
    const row = this.#connection.getTuple<CandidateRow>(statements[this.#table].follower, sequence)!;
    const dueUtc = dueMsOf(row);
    const { now, together = 1 } = this.#order;
    if (row[15] === 0 || dueUtc > now) return null;
    const message = claimedMessage(this.#connection, this.#table, row);
    if (message.recovered && !(before.message.recovered && together > 1)) {
      this.recoveredBehind = true;
      return null;
    }
    if (!this.#mayFollow(message)) return null;
    return {
      sequence,
      message,
      bytes: row[14],
      turn: Math.max(turn, dueUtc),
      follows: true,
      next: row[16],
    };
  }
}

function byDueTime(one: ClaimRow, other: ClaimRow): number {
  return dueMsOf(one) - dueMsOf(other) || one[0] - other[0];
}

type Place = Pick<Candidate, 'turn' | 'sequence'>;

function isBefore(one: Place, other: Place): boolean {
  return one.turn < other.turn || (one.turn === other.turn && one.sequence < other.sequence);
}

function insertByTurn(followers: Follower[], follower: Follower): void {
  let low = 0;
  let high = followers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(follower, followers[middle]!)) low = middle + 1;
    else high = middle;
  }
  followers.splice(low, 0, follower);
}
