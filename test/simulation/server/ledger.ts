/**
 * What is known about a work queue on a server. Answers arrive later than the commits, and in another order, so no call can be
 * compared with a model. What handlers did, and what the tables have in the end, can.
 */
import type { ClaimedMessage, NewMessage } from '../../../src/engine/message.ts';
import type {
  BeginRequest,
  BeginResult,
  SettleRequest,
  SettleResult,
} from '../../../src/engine/work-queue.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import type { Attempt } from '../models/attempts.ts';
import type { StartedHandler } from '../models/handler-starts.ts';
import type { InsertedMessage } from '../models/messages.ts';
import { QueueModel } from '../models/queue-model.ts';
import { brokenIn } from '../models/queue-options.ts';

/** A row of a queue's table. */
export interface StoredRow {
  readonly messageId: string;
  readonly sequence: number;
  readonly orderingKey: string | null;
  readonly status: number;
  readonly lastError: string | null;
}

interface Entry {
  readonly message: NewMessage;
  /** Milliseconds of the history. */
  readonly sentAt: number;
  /** When its producer learned that it is committed; null if it never did. */
  committedAt: number | null;
  readonly attempts: Attempt[];
  isDead: boolean;
  claim: string | null;
  inTransaction: boolean;
}

const [ready, claimed, done, dead] = [0, 1, 2, 3];

export class QueueLedger extends QueueModel {
  readonly #entries = new Map<string, Entry>();
  /** An operator replayed or discarded Dead messages: their groups begin anew, and rows may be gone. */
  #isTidied = false;

  override get count(): number {
    return this.#entries.size;
  }

  override sent(messages: readonly NewMessage[]): void {
    for (const message of messages) {
      this.#entries.set(message.messageId, {
        message,
        sentAt: this.options.now(),
        committedAt: null,
        attempts: [],
        isDead: false,
        claim: null,
        inTransaction: false,
      });
    }
  }

  override stored({ message }: InsertedMessage): void {
    this.#entries.get(message.messageId)!.committedAt = this.options.now();
  }

  override begun(_process: SimulatedProcess, _request: BeginRequest, result: BeginResult): void {
    if (result.status === 'claimed') this.#claimed(result.messages, result.lease.acquisitionId);
  }

  override settled(
    _process: SimulatedProcess,
    { lease, outcomes }: SettleRequest,
    result: SettleResult,
  ): void {
    const unmatched = new Set(result.unmatched);
    for (const { messageId, sequence, kind } of outcomes) {
      const entry = this.#entries.get(messageId);
      if (entry === undefined || unmatched.has(sequence)) continue;
      if (entry.claim === lease.acquisitionId) entry.claim = null;
      entry.isDead ||= kind === 'dead';
    }
    this.#claimed(result.messages, lease.acquisitionId);
  }

  override transacted(_process: SimulatedProcess, _lease: unknown, messageId: string): void {
    this.#entries.get(messageId)!.inTransaction = true;
  }

  override acted(): number {
    this.#isTidied = true;
    return 0;
  }

  override answerLost(): void {}

  override isTakenFrom({ acquisitionId }: { readonly acquisitionId: string }, messageId: string): boolean {
    const claim = this.#entries.get(messageId)?.claim ?? null;
    return claim !== null && claim !== acquisitionId;
  }

  override handlerStarted(process: SimulatedProcess, { messageId, fence, number }: StartedHandler): Attempt {
    const { options } = this;
    const entry = this.#entries.get(messageId);
    if (entry === undefined) {
      return brokenIn(options, 'never invented', `a handler got ${messageId}, which was not stored`);
    }
    const most = options.maxAttempts(entry.message.topic);
    if (number > most) brokenIn(options, 'Q7 maximum', `${messageId} was started for the ${number}th time`);
    this.#checkOrder(entry);
    const attempt: Attempt = {
      messageId,
      process,
      acquisitionId: entry.claim ?? `fence ${fence}`,
      state: 'running',
      isAborted: () => false,
      isSettled: false,
      delayMs: 0,
      troubles: process.troubles,
    };
    entry.attempts.push(attempt);
    return attempt;
  }

  /** The rows that can still come to their end: not Done, not Dead, and not behind a Dead one of their key. */
  waiting(rows: readonly StoredRow[]): StoredRow[] {
    const isBlocked = ({ orderingKey, sequence }: StoredRow) =>
      this.options.onDead === 'block' &&
      orderingKey !== null &&
      rows.some(
        (other) => other.status === dead && other.orderingKey === orderingKey && other.sequence < sequence,
      );
    return rows.filter((row) => (row.status === ready || row.status === claimed) && !isBlocked(row));
  }

  /** The table has what was committed, and each message came to the end that its handlers decided. */
  checkRows(rows: readonly StoredRow[], effects: ReadonlyMap<string, number>): void {
    const known = new Map(rows.map((row) => [row.messageId, row]));
    for (const { messageId } of rows) {
      if (!this.#entries.has(messageId)) this.#broken('never invented', `${messageId} was not stored`);
    }
    const [waits] = this.waiting(rows);
    if (waits !== undefined) this.#broken('Q16 no wait', `${waits.messageId} has status ${waits.status}`);
    for (const [messageId, entry] of this.#entries) this.#check(entry, known.get(messageId), effects);
  }

  #check(entry: Entry, row: StoredRow | undefined, effects: ReadonlyMap<string, number>): void {
    const { message, attempts } = entry;
    const { messageId } = message;
    const hasReturned = attempts.some(({ state }) => state === 'returned' || state === 'late');
    // A process that died in the transaction does not know whether it was committed.
    const mayHaveCommitted = entry.inTransaction || (message.topic === 'ledger.post' && attempts.length > 0);
    const mayBeDone = hasReturned || mayHaveCommitted;
    const count = effects.get(messageId) ?? 0;
    if (count > 1) this.#broken('T1 once', `${messageId} had ${count} effects`);
    if (entry.inTransaction && count !== 1) this.#broken('T1 once', `${messageId} had no effect`);
    if (row === undefined) {
      const mayBeGone = entry.committedAt === null || (this.options.mayPurge && mayBeDone) || this.#isTidied;
      if (!mayBeGone) this.#broken('never lost', `${messageId} is gone`);
      return;
    }
    if (count === 1 && row.status !== done) {
      this.#broken('T1 once', `${messageId} had its effect, and has status ${row.status}`);
    }
    if (row.status === done && !mayBeDone)
      this.#broken('D3 outcome', `${messageId} is Done without a handler`);
    if (row.status === dead && row.lastError === null)
      this.#broken('Dead for a reason', `${messageId} has none`);
  }

  #claimed(messages: readonly ClaimedMessage[], acquisitionId: string): void {
    for (const { messageId } of messages) {
      const entry = this.#entries.get(messageId);
      if (entry === undefined) this.#broken('never invented', `${messageId} was claimed, but was not stored`);
      else entry.claim = acquisitionId;
    }
  }

  /** A message that was committed before a later one of its key was enqueued was started before that one (Q10). */
  #checkOrder({ message, sentAt }: Entry): void {
    if (message.orderingKey == null || this.#isTidied) return;
    for (const earlier of this.#entries.values()) {
      if (earlier.message.orderingKey !== message.orderingKey || earlier.isDead) continue;
      if (earlier.committedAt === null || earlier.committedAt >= sentAt || earlier.attempts.length > 0)
        continue;
      this.#broken('Q10 order', `${message.messageId} started before ${earlier.message.messageId}`);
    }
  }

  #broken(invariant: string, what: string): void {
    brokenIn(this.options, invariant, what);
  }
}
