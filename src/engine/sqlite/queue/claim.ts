/** Claiming (Q4): the oldest due messages, and with the head of a line those due right behind it (Q10). */
import type { ClaimedMessage, ClaimLimits } from '../../work-queue.ts';
import type { Connection } from '../connection.ts';
import { text } from '../text.ts';
import { headOf, holdBack, letHeadsForward } from './ordering.ts';
import { type ClaimRow, claimColumns, claimedMessage, perTable, type QueueTable } from './records.ts';

const statements = perTable((table) => ({
  due: `SELECT ${claimColumns} FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND HeldBack = 0 AND DueUtc <= ? ORDER BY DueUtc, Sequence`,
  next: `SELECT ${claimColumns}, Status FROM ${table} INDEXED BY ${table}_Line
    WHERE OrderingKey = ? AND InLine = 1 AND Sequence > ? ORDER BY Sequence LIMIT 1`,
  take: `UPDATE ${table} SET Status = 1, Attempts = Attempts + 1, ClaimFence = ?, HeldBack = 0
    WHERE Sequence IN (SELECT value FROM json_each(?))`,
  nextDue: `SELECT DueUtc FROM ${table} INDEXED BY ${table}_Due
    WHERE Status = 0 AND HeldBack = 0 ORDER BY DueUtc LIMIT 1`,
}));

export interface ClaimOrder extends ClaimLimits {
  readonly now: number;
  readonly fence: number;
  /** Nothing else of this run is in flight, so that a recovered message may be handed out, alone (Q7). */
  readonly solo: boolean;
}

/** A message that may be claimed, and when its turn comes: not before that of its predecessor in the line. */
interface Candidate {
  readonly row: ClaimRow;
  readonly key: string | null;
  readonly turn: number;
}

/**
 * Claims within a write transaction, as the lease's holder. `more`: what was cut off, by the limits or before a
 * recovered message.
 */
export function claim(
  connection: Connection,
  table: QueueTable,
  order: ClaimOrder,
): { messages: ClaimedMessage[]; more: boolean } {
  const candidates = new Candidates(connection, table, order.now);
  const taken: ClaimRow[] = [];
  let bytes = 0;
  let alone = false;
  let more = false;
  try {
    for (let candidate = candidates.next(); candidate !== null; candidate = candidates.next()) {
      const { row } = candidate;
      const size = Buffer.byteLength(row.Payload);
      const isFirst = taken.length === 0;
      const overLimit = taken.length >= order.limit || (!isFirst && bytes + size > order.maxBytes);
      const isRecovered = row.Recovered === 1;
      if (overLimit || alone || (isRecovered && !(isFirst && order.solo))) {
        more = true;
        break;
      }
      taken.push(row);
      bytes += size;
      alone = isRecovered;
      candidates.took(candidate);
    }
  } finally {
    candidates.close();
  }
  if (taken.length > 0) {
    connection.run(statements[table].take, order.fence, JSON.stringify(taken.map((row) => row.Sequence)));
  }
  candidates.holdStraysBack();
  return { messages: taken.map(claimedMessage), more: more || candidates.recoveredBehind };
}

/** Milliseconds until the next Ready message that is not held back is due (Q11); null if there is none. */
export function nextDueInMs(connection: Connection, table: QueueTable, now: number): number | null {
  const row = connection.get<{ DueUtc: number }>(statements[table].nextDue);
  return row === undefined ? null : Math.max(0, row.DueUtc - now);
}

/** What a claim may take, oldest first: the due messages, merged with the lines of those already taken. */
class Candidates {
  /** A line stopped at a recovered message: it can be claimed once the rest of its line is done. */
  recoveredBehind = false;
  readonly #connection: Connection;
  readonly #table: QueueTable;
  readonly #now: number;
  readonly #due: Iterator<ClaimRow>;
  /** Read from `#due` and not yet handed out. */
  #ahead: Candidate | null | undefined;
  /** The next of each line that has been entered, the first turn last. */
  readonly #followers: Candidate[] = [];
  /** Sequences taken, of each key entered. */
  readonly #entered = new Map<string, Set<number>>();
  /** Not held back, though not at the head of their line. */
  readonly #strays: { sequence: number; key: string }[] = [];
  readonly #misledKeys = new Set<string>();

  constructor(connection: Connection, table: QueueTable, now: number) {
    this.#connection = connection;
    this.#table = table;
    this.#now = now;
    this.#due = connection.iterate<ClaimRow>(statements[table].due, now);
  }

  next(): Candidate | null {
    if (this.#ahead === undefined) this.#ahead = this.#nextDue();
    const follower = this.#followers.at(-1);
    if (follower !== undefined && (this.#ahead === null || isBefore(follower, this.#ahead))) {
      this.#followers.pop();
      return follower;
    }
    const candidate = this.#ahead;
    if (candidate !== null) this.#ahead = undefined;
    return candidate;
  }

  /** Lets the next of the candidate's line follow it. */
  took(candidate: Candidate): void {
    const { key, row, turn } = candidate;
    if (key === null) return;
    const sequences = this.#entered.get(key);
    if (sequences === undefined) this.#entered.set(key, new Set([row.Sequence]));
    else sequences.add(row.Sequence);
    const next = this.#connection.get<ClaimRow & { Status: number }>(
      statements[this.#table].next,
      key,
      row.Sequence,
    );
    if (next === undefined || next.Status !== 0 || next.DueUtc > this.#now) return;
    if (next.Recovered === 1) {
      this.recoveredBehind = true;
      return;
    }
    insertByTurn(this.#followers, { row: next, key, turn: Math.max(turn, next.DueUtc) });
  }

  close(): void {
    this.#due.return?.();
  }

  /** Rows inserted by hand may not be held back where they should be; now they are. */
  holdStraysBack(): void {
    const strays = this.#strays.filter(({ sequence, key }) => this.#entered.get(key)?.has(sequence) !== true);
    holdBack(
      this.#connection,
      this.#table,
      strays.map(({ sequence }) => sequence),
    );
    letHeadsForward(this.#connection, this.#table, this.#misledKeys);
  }

  #nextDue(): Candidate | null {
    for (;;) {
      const result = this.#due.next();
      if (result.done === true) return null;
      const row = result.value;
      if (row.OrderingKey === null) return { row, key: null, turn: row.DueUtc };
      const key = text(row.OrderingKey);
      if (this.#mayStart(row, key)) return { row, key, turn: row.DueUtc };
    }
  }

  /** Only the head of a line may be claimed, and only while nothing of its key runs. */
  #mayStart(row: ClaimRow, key: string): boolean {
    if (!this.#entered.has(key)) {
      const head = headOf(this.#connection, this.#table, key);
      if (head?.Sequence === row.Sequence && head.Running === 0) return true;
      this.#misledKeys.add(key);
    }
    this.#strays.push({ sequence: row.Sequence, key });
    return false;
  }
}

function isBefore(one: Candidate, other: Candidate): boolean {
  return one.turn < other.turn || (one.turn === other.turn && one.row.Sequence < other.row.Sequence);
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
