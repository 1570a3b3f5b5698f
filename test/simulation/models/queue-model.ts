/**
 * A model of one work queue: what must be in its table after each call that the engine has answered, and what the answer
 * must be. It follows the clauses of docs/design.md, not the engine's code.
 */

import type { LeaseRef } from '../../../src/engine/lease-store.ts';
import type { ClaimedMessage, NewMessage } from '../../../src/engine/message.ts';
import type { MessageAct, MessageTarget } from '../../../src/engine/message-search.ts';
import type {
  BeginRequest,
  BeginResult,
  SettleRequest,
  SettleResult,
  StoredCounts,
} from '../../../src/engine/work-queue.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import { Acquisitions } from './acquisitions.ts';
import { type Attempt, Attempts } from './attempts.ts';
import { checkBatch, checkClaim } from './claims.ts';
import { checkStart, type StartedHandler } from './handler-starts.ts';
import { LeaseModel } from './lease-model.ts';
import { deadOf, firstOf, type InsertedMessage, type MessageModel, storedMessage } from './messages.ts';
import { OrderingGroups } from './ordering-groups.ts';
import { applyOutcome, endMessage } from './outcomes.ts';
import { brokenIn, delayFromNow, type LeaseRow, type QueueModelOptions, waitedMs } from './queue-options.ts';
import { reportedRun, runOf, type Tally } from './tally.ts';

interface Snapshot {
  readonly messages: readonly MessageModel[];
  readonly lease: LeaseModel;
}

/** How many messages of a queue a run has counted. */
export interface Counted {
  readonly ready: number;
  readonly dead: number;
}

export class QueueModel {
  readonly options: QueueModelOptions;
  readonly messages = new Map<string, MessageModel>();
  lease: LeaseModel;
  /** When a message was stored last, or got another state, in milliseconds of the history. */
  changedAt = 0;
  readonly #acquisitions = new Acquisitions();
  readonly #attempts = new Attempts();
  readonly #groups: OrderingGroups;
  readonly #counted = new Map<string, Counted>();
  /** By run: what it has left. */
  readonly #left = new Map<string, { readonly dueAt: number; readonly troubles: number }>();

  constructor(options: QueueModelOptions) {
    this.options = options;
    this.#groups = new OrderingGroups(options.onDead);
    this.lease = new LeaseModel(`${options.tenantId} queue:${options.name}`, options);
  }

  /** How many messages there are. */
  get count(): number {
    return this.messages.size;
  }

  get label(): string {
    return `${this.options.tenantId} ${this.options.name}`;
  }

  snapshot(): Snapshot {
    return {
      messages: [...this.messages.values()].map((message) => ({ ...message })),
      lease: this.lease.copy(),
    };
  }

  /** The database is as it was then. What handlers did stays done. */
  restore({ messages, lease }: Snapshot): void {
    this.#changes();
    this.messages.clear();
    this.#groups.clear();
    for (const message of messages) {
      // A run that goes on may have settled what is claimed again now.
      const isUnknown = message.isUnknown || message.state === 'claimed';
      this.#keep({ ...message, isUnknown, lives: message.lives + 1, wokenAt: null });
    }
    this.lease = lease.copy();
    this.lease.surprise(this.#acquisitions.ids);
  }

  /** The messages are about to be stored. */
  sent(_messages: readonly NewMessage[]): void {}

  /** A committed transaction has stored the message. Its delay began when the message was inserted. */
  stored({ message, notBefore }: InsertedMessage, sequence: number, wake: boolean): void {
    const wokenAt = wake && notBefore === null ? this.options.now() : null;
    const stored = storedMessage(message, sequence, { notBefore, wokenAt });
    if (this.messages.has(stored.messageId))
      this.#broken('Q3 enqueue', `${stored.messageId} is stored twice`);
    const first = firstOf(stored, this.messages.values(), this.options.mayPurge);
    if (first !== undefined)
      this.#broken('Q3 dedup', `${stored.sequence} has the dedup key of ${first.sequence}`);
    this.#keep(stored);
  }

  /** A transaction has inserted the message, and may commit it later. */
  inserted(message: NewMessage): InsertedMessage {
    return { message, notBefore: delayFromNow(this.options, message.dueInMs ?? 0) };
  }

  /** @param committed the lease as the call has left it; undefined if the call has only read */
  begun(
    process: SimulatedProcess,
    request: BeginRequest,
    result: BeginResult,
    committed: LeaseRow | undefined,
  ): void {
    if (result.status === 'leased-elsewhere') {
      this.lease.refused(request.owner);
      return;
    }
    this.#recover(result.recovered);
    this.#tally(process, request).recovered(result.recovered);
    if (result.status === 'idle') {
      this.#idle(request, committed);
      this.#checkCounts(request, result.stored);
      this.#leaves(process, request);
      return;
    }
    this.lease.acquired(result.lease, result.expiresInMs);
    this.lease.surprise(this.#acquisitions.add(process, result.lease));
    this.#claimed(result.messages, result.lease.acquisitionId, request.claim.limit, 1);
  }

  /** The messages of ended runs are Ready again, at once (Q6). */
  #recover(count: number): void {
    if (count > 0) this.#changes();
    const orphans = [...this.messages.values()].filter(({ state }) => state === 'claimed');
    if (count !== orphans.length) {
      this.#broken('Q6 fence', `begin recovered ${count} messages, but ${orphans.length} were claimed`);
    }
    for (const message of orphans) {
      this.#countLoss(message);
      Object.assign(message, { state: 'ready', claim: null, isUnknown: false, recovered: true });
    }
  }

  /** A message that kills its process costs another one attempt at most beyond the one of the first crash (Q7). */
  #countLoss(message: MessageModel): void {
    if (message.isDeadly || this.#acquisitions.processOf(message.claim!)?.killedBy !== this) return;
    message.lostToOthers++;
    const lives = [...this.messages.values()].reduce(
      (sum, { isDeadly, lives }) => sum + (isDeadly ? lives : 0),
      0,
    );
    const { sequence, lostToOthers } = message;
    if (lostToOthers <= 2 * lives) return;
    this.#broken('Q7 deadly', `message ${sequence} lost ${lostToOthers} attempts to ${lives} deadly ones`);
  }

  /** An idle answer may come from a read; or the call has taken the lease and released it. */
  #idle({ owner }: BeginRequest, committed: LeaseRow | undefined): void {
    if (committed === undefined) return;
    const { fence, acquisitionId } = committed;
    if (acquisitionId === null) this.#broken('L1 row', 'a run has begun, but its lease has no row');
    this.lease.acquired({ owner, fence, acquisitionId }, 0);
    this.lease.released();
  }

  /** The answer of a claim did not reach the run. */
  answerLost(messages: readonly ClaimedMessage[]): void {
    for (const { messageId } of messages) this.messages.get(messageId)!.isUnknown = true;
  }

  settled(process: SimulatedProcess, request: SettleRequest, result: SettleResult): void {
    const { lease, outcomes, then } = request;
    const unmatched = new Set(result.unmatched);
    const isLast = this.lease.isLast(lease);
    if (outcomes.length > 0) this.#changes();
    for (const outcome of outcomes) {
      const message = this.messages.get(outcome.messageId);
      const isOurs = isLast && message?.state === 'claimed' && message.claim === lease.acquisitionId;
      if (isOurs === unmatched.has(outcome.sequence)) {
        this.#broken(
          'Q8 settle',
          `${outcome.kind} of message ${message?.sequence} under fence ${lease.fence} was ${isOurs ? 'not ' : ''}applied; it is ${message?.state}`,
        );
      }
      if (!isOurs) continue;
      applyOutcome(this.options, this.#attempts, message, outcome);
      this.#tally(process, lease).count(outcome);
    }
    if (result.lease === 'lost') {
      if (this.lease.isHeldBy(lease))
        this.#broken('L3 renew', `fence ${lease.fence} is the last, but was called lost`);
      return;
    }
    if (!this.lease.isHeldBy(lease)) {
      this.#broken('L3 renew', `fence ${lease.fence} is not the last one, but was ${result.lease}`);
    }
    if (result.lease === 'released') {
      this.#checkRelease(lease);
      this.lease.released();
      this.#checkCounts(lease, result.stored);
      this.#leaves(process, lease);
    } else this.lease.renewed(result.expiresInMs);
    if (then.do === 'claim') {
      this.#claimed(result.messages, lease.acquisitionId, then.limit, then.solo ? (then.together ?? 1) : 0);
    }
  }

  /** The run has learned that these outcomes did not match: it drops them, and may claim the messages anew. */
  dropped({ lease, outcomes }: SettleRequest, { unmatched }: Pick<SettleResult, 'unmatched'>): void {
    for (const { sequence, messageId } of outcomes)
      if (unmatched.includes(sequence)) this.#attempts.settled(messageId, lease.acquisitionId);
  }

  /** What a run says is stored, and its report keeps, is what is stored (S2). */
  #checkCounts(lease: Pick<LeaseRef, 'owner'>, counts: StoredCounts | undefined): void {
    if (counts === undefined) return;
    const ready = this.countIn('ready');
    const dead = this.countIn('dead');
    this.#counted.set(runOf(lease), { ready, dead });
    if (counts.atLeast.length === 0 && counts.ready === ready && counts.dead === dead) return;
    this.#broken(
      'S2 counts',
      `a run counted ${counts.ready} ready and ${counts.dead} dead messages; there are ${ready} and ${dead}`,
    );
  }

  /** What the run has counted at its end; undefined if it has not come there. */
  countedBy(runId: string): Counted | undefined {
    return this.#counted.get(reportedRun(runId));
  }

  /** A run has ended: its report must make the tenant due when the next message is (F5, Q11). */
  #leaves(process: SimulatedProcess, lease: Pick<LeaseRef, 'owner'>): void {
    // After a step of the clock nobody can say how much of a delay is left.
    if (this.options.clock().steps > 0) return;
    const due = [...this.messages.values()].flatMap((message) => {
      const { state, notBefore } = message;
      if (state !== 'ready' || notBefore === null || !this.#groups.isHead(message)) return [];
      return [this.options.now() + Math.max(0, notBefore.ms - waitedMs(this.options, notBefore))];
    });
    this.#left.set(runOf(lease), { dueAt: Math.min(...due), troubles: this.#troubles(process) });
  }

  /** When the next message is due that the process's run has left, if nothing went wrong since. Milliseconds of the history. */
  leftDueAt(process: SimulatedProcess, runId: string): number {
    const run = reportedRun(runId);
    const left = this.#left.get(run);
    this.#left.delete(run);
    return left?.troubles === this.#troubles(process) ? left.dueAt : Number.POSITIVE_INFINITY;
  }

  /** Whether the run has left a message that was to come then; meanwhile another run may have handled it. */
  hasLeftDelayed(runId: string): boolean {
    const left = this.#left.get(reportedRun(runId));
    return left !== undefined && left.dueAt < Number.POSITIVE_INFINITY;
  }

  /** A run that releases its lease has an outcome for each message that it has: none waits for the next run to recover it (D5). */
  #checkRelease({ acquisitionId, fence }: LeaseRef): void {
    for (const { claim, isUnknown, sequence } of this.messages.values()) {
      if (claim !== acquisitionId || isUnknown) continue;
      this.#broken('D5 release', `fence ${fence} released its lease and kept message ${sequence}`);
    }
  }

  /** A handler's transaction has settled the message. */
  transacted(process: SimulatedProcess, lease: LeaseRef, messageId: string): void {
    const { acquisitionId } = lease;
    const message = this.messages.get(messageId);
    if (
      message?.state !== 'claimed' ||
      message.claim !== acquisitionId ||
      this.lease.acquisitionId !== acquisitionId
    ) {
      this.#broken(
        'T1 once',
        `a transaction settled message ${message?.sequence}, which its run no longer had`,
      );
    }
    message!.inTransaction = true;
    this.#changes();
    endMessage(message!, 'done');
    this.#attempts.settled(messageId, acquisitionId);
    this.#tally(process, lease).count({ kind: 'done' });
  }

  /** It did so in a file that is no longer the tenant's: only its run's report tells of it. */
  transactedElsewhere(process: SimulatedProcess, lease: LeaseRef): void {
    this.#tally(process, lease).count({ kind: 'done' });
  }

  /** How many of these messages a replay or a discard changes; the targets have no versions. */
  acted(act: MessageAct, targets: readonly MessageTarget[]): number {
    const dead = deadOf(this.messages.values(), targets);
    this.#changes();
    for (const message of dead) {
      if (act.do === 'discard') message.state = 'gone';
      else if (act.do === 'replay') this.#replay(message);
      else this.#broken('Q13', `the simulation has no model of ${act.do}`);
    }
    return dead.length;
  }

  #replay(message: MessageModel): void {
    Object.assign(message, { state: 'ready', attempts: 0, lostToOthers: 0, notBefore: null });
    message.replayedAt = this.options.now();
    message.lives++;
  }

  /** A handler is called. @throws Violation when this must not happen */
  handlerStarted(process: SimulatedProcess, started: StartedHandler): Attempt {
    const { messageId, fence } = started;
    const acquisitionId = this.#acquisitions.of(process, fence);
    if (acquisitionId === undefined) {
      return this.#broken('Q4 lease', `a handler runs under fence ${fence}, which its process never had`);
    }
    // A process that froze in this very turn may still call a handler, and settles it late: the freeze excuses a repeat. So
    // does the loss of the lease, of which the run cannot know yet.
    const isSurprised = this.lease.isSurprised(acquisitionId);
    const troubles = process.isRunning && !isSurprised ? this.#troubles(process) : Number.NaN;
    const attempt: Attempt = {
      messageId,
      process,
      acquisitionId,
      state: 'running',
      isAborted: () => false,
      isSettled: false,
      delayMs: 0,
      troubles,
    };
    const earlier = this.#attempts.add(attempt);
    if (isSurprised) return attempt;
    const message = this.messages.get(messageId);
    if (this.lease.acquisitionId !== acquisitionId) {
      this.#broken(
        'Q4 lease',
        `a handler of fence ${fence} started, but fence ${this.lease.fence} has the lease`,
      );
    }
    checkStart(this.options, started, message, acquisitionId);
    this.#checkOrder(message!, attempt);
    const repeated = earlier.find(({ state }) => state === 'returned');
    if (repeated !== undefined && repeated.troubles === this.#troubles(repeated.process)) {
      this.#broken(
        'at least once',
        `message ${message!.sequence} was handled again, although nothing had gone wrong`,
      );
    }
    message!.wokenAt = null;
    return attempt;
  }

  /** Whether the process has the lease, as far as the database knows. */
  isHeldBy(process: SimulatedProcess): boolean {
    const { owner, acquisitionId, hasRunOut } = this.lease;
    if (owner === null || acquisitionId === null || hasRunOut) return false;
    return this.#acquisitions.processOf(acquisitionId) === process;
  }

  countIn(wanted: MessageModel['state']): number {
    return [...this.messages.values()].filter(({ state }) => state === wanted).length;
  }

  /** Whether a run of another acquisition of the lease has the message now. */
  isTakenFrom({ acquisitionId }: Pick<LeaseRef, 'acquisitionId'>, messageId: string): boolean {
    const message = this.messages.get(messageId);
    return message?.state === 'claimed' && message.claim !== acquisitionId;
  }

  /** Whether the message waits behind a Dead one of its ordering group. */
  isBlocked(message: MessageModel): boolean {
    return this.#groups.isBlocked(message);
  }

  #changes(): void {
    this.changedAt = this.options.now();
  }

  #keep(message: MessageModel): void {
    this.#changes();
    this.messages.set(message.messageId, message);
    this.#groups.add(message);
  }

  #tally(process: SimulatedProcess, lease: Pick<LeaseRef, 'owner'>): Tally {
    return this.options.tallies.of(lease, this.#troubles(process));
  }

  #troubles(process: SimulatedProcess): number {
    return process.troubles + this.options.troubles();
  }

  #claimed(
    messages: readonly ClaimedMessage[],
    acquisitionId: string,
    limit: number,
    together: number,
  ): void {
    const inFlight = [...this.messages.values()].filter(
      ({ claim, isUnknown }) => claim === acquisitionId && !isUnknown,
    );
    checkBatch(this.options, messages, inFlight, { limit, together });
    if (messages.length > 0) this.#changes();
    for (const claimed of messages) {
      const message = this.messages.get(claimed.messageId);
      checkClaim(this.options, claimed, message);
      Object.assign(message!, { state: 'claimed', attempts: claimed.attempt, claim: acquisitionId });
    }
  }

  #checkOrder(message: MessageModel, { acquisitionId }: Attempt): void {
    const before = this.#groups.firstBefore(message, ({ messageId, topic, attempts }) => {
      const last = this.#attempts.last(messageId, acquisitionId);
      const state = last?.state;
      const isCut = state === 'late' || (state === 'running' && last!.isAborted());
      const isDead =
        state === 'refused' || ((state === 'failed' || isCut) && attempts >= this.options.maxAttempts(topic));
      return state === 'returned' || (isDead && this.options.onDead === 'continue');
    });
    if (before === undefined) return;
    const { sequence, orderingKey } = message;
    const what = `${sequence} of key ${orderingKey} started before ${before.sequence}, which is ${before.state}`;
    this.#broken('Q10 order', `message ${what}`);
  }

  #broken(invariant: string, what: string): never {
    return brokenIn(this.options, invariant, what);
  }
}
