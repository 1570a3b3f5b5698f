/**
 * The dispatch run of one work queue (section 5): begin → handlers → settle and claim → … → release.
 *
 * One loop decides; handlers run beside it. The engine is called by the loop alone, one call at a time, so that
 * the lease, the outcomes and the next claim always travel together (Q8). The phases:
 *
 *     claiming ──budget spent, tenant changed──▶ draining ──drain time over──▶ stopping ──nothing running, or grace over──▶ release
 *         │                                                                       ▲
 *         └────────────────────── signal fired, lease lost ───────────────────────┘
 *
 * draining: nothing new is claimed or started, what waits is released, what runs may end in its own time.
 * stopping: running handlers have had their signal and get a short grace.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import type { RunCounts } from '../engine/registry.ts';
import {
  type BeginResult,
  type ClaimedMessage,
  type EnqueueResult,
  type NewMessage,
  type Outcome,
  queueLeaseName,
  type SettledMessage,
  type SettleRequest,
  type SettleResult,
  type WorkQueue,
} from '../engine/work-queue.ts';
import { isMultiOutboxError, MultiOutboxError } from '../errors.ts';
import { Heartbeat } from '../lease/heartbeat.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { publishPoint } from '../telemetry/points.ts';
import type { RunTrace } from '../telemetry/spans.ts';
import type { HandlerSet } from './handler-set.ts';
import { MessagesInHand } from './in-hand.ts';
import { interrupted } from './outcome.ts';
import { describeError, type QueueReport, type StopReason } from './report.ts';
import { RunTally } from './tally.ts';

export interface QueueRunOptions {
  readonly queue: WorkQueue;
  readonly handlers: HandlerSet;
  readonly tenant: { readonly id: string; readonly tags: Readonly<Record<string, string>> };
  readonly owner: string;
  /** Kept with the lease, for people to read. */
  readonly context: string;
  readonly dispatch: Settings['dispatch'];
  readonly retry: Settings['retry'];
  readonly retention: Settings['retention'];
  /** Milliseconds from now for claiming. */
  readonly budgetMs: number;
  readonly signal: AbortSignal | undefined;
  /** Fires when the tenant is changed, paused or retired: nothing more is claimed under what it was. */
  readonly changed?: AbortSignal;
  readonly logger: Logger;
  readonly random: () => number;
  /** The tenant's, for what handlers enqueue in transactions of their own. */
  readonly outbox: Pick<WorkQueue, 'name' | 'enqueue'>;
  /** Absent: nobody records traces. */
  readonly trace?: RunTrace | undefined;
}

/** Runs one work queue until nothing is left, the budget is spent, the signal fires or the lease is lost. Never throws. */
export function runQueue(options: QueueRunOptions): Promise<QueueReport> {
  return new QueueRun(options).run();
}

type Begun = Extract<BeginResult, { status: 'claimed' }>;
type Phase = 'claiming' | 'draining' | 'stopping';

/**
 * Milliseconds: how long messages that become due meanwhile wait at most for a run that has places free and only waits
 * for slow handlers. Outcomes that are ready go along.
 */
const lookAgainMs = 1_000;

class QueueRun {
  readonly #options: QueueRunOptions;
  readonly #tally = new RunTally();
  #phase: Phase = 'claiming';
  #stop: StopReason = 'drained';
  /** More can be claimed, as the engine last said. */
  #more = false;
  #nextDueInMs: number | null = null;
  #enqueuedDueInMs = Number.POSITIVE_INFINITY;
  /** A recovered message is in flight, or waits to be: claim only when nothing else is (Q7). */
  #solo = false;
  #heartbeat!: Heartbeat;
  #lease!: Begun['lease'];
  #inHand!: MessagesInHand;
  /** A claim failed without an answer: there may be messages claimed for this run that it knows nothing of. */
  #unknownClaim = false;
  #graceOver = false;
  /** The engine has said so. */
  #leaseGone = false;
  /** By `performance.now()`. The timer that ends the budget can have its turn late; the loop looks for itself. */
  #budgetEndsAt = 0;
  /** Nobody has looked for due messages for a while. */
  #lookAgain = false;
  #lookAgainTimer: NodeJS.Timeout | undefined;
  /** Set while the heartbeat waits for a renewal. */
  #renewed: ((expiresInMs: number | null) => void) | undefined;
  #timers: NodeJS.Timeout[] = [];
  #notify: () => void = () => {};

  constructor(options: QueueRunOptions) {
    this.#options = options;
  }

  async run(): Promise<QueueReport> {
    const { signal } = this.#options;
    if (signal?.aborted) {
      // Nobody has looked: for all that is known there is work, so the tenant stays due.
      this.#more = true;
      return this.#report('idle', 'signal');
    }
    let begun: BeginResult;
    const sentAt = performance.now();
    try {
      begun = await this.#begin();
    } catch (error) {
      return this.#report('failed', 'error', error);
    }
    if (begun.status === 'held') {
      return {
        ...this.#report('held', 'drained'),
        heldBy: { owner: begun.owner, expiresInMs: begun.expiresInMs },
      };
    }
    this.#tally.recovered += begun.recovered;
    this.#see(begun);
    if (begun.status === 'idle') return this.#report('idle', 'drained');
    publishPoint('run:claimed', this.#options.tenant.id);
    return this.#serve(begun, sentAt);
  }

  #begin(): Promise<BeginResult> {
    const { queue, owner, context, dispatch, retention } = this.#options;
    this.#tally.roundTrips++;
    return queue.begin({
      owner,
      context,
      durationMs: dispatch.leaseMs,
      claim: { limit: dispatch.batchSize, maxBytes: dispatch.batchBytes },
      retention,
    });
  }

  async #serve(begun: Begun, sentAt: number): Promise<QueueReport> {
    const { queue, handlers, tenant, dispatch, retry, budgetMs, signal, changed, logger, random, trace } =
      this.#options;
    this.#lease = begun.lease;
    this.#inHand = new MessagesInHand({
      handlers,
      dispatch,
      tally: this.#tally,
      logger,
      attempts: {
        tenant,
        queue: queue.name,
        fence: begun.lease.fence,
        logger: logger.child({ fence: begun.lease.fence }),
        retry,
        timeoutMs: dispatch.handlerTimeoutMs,
        random,
        transactions: {
          transact: (request, work) => queue.transact({ ...request, lease: begun.lease }, work),
          enqueue: (messages, transaction) => this.#enqueue(messages, transaction),
        },
        trace,
      },
      mayStart: () => this.#mayStart(),
      onOutcome: () => this.#notify(),
    });
    this.#heartbeat = new Heartbeat({
      name: queueLeaseName(queue.name),
      durationMs: dispatch.leaseMs,
      expiresInMs: begun.expiresInMs,
      sentAt,
      renew: () => this.#requestRenewal(),
      onError: () => logger.warn('The lease could not be renewed; trying again.'),
      random,
    });
    const onSignal = () => this.#enter('stopping', 'signal', signal?.reason);
    const onLost = () => this.#enter('stopping', 'lease-lost', this.#heartbeat.signal.reason);
    const onChanged = () => this.#enter('draining', 'changed');
    signal?.addEventListener('abort', onSignal);
    changed?.addEventListener('abort', onChanged);
    this.#heartbeat.signal.addEventListener('abort', onLost);
    this.#budgetEndsAt = performance.now() + budgetMs;
    this.#after(budgetMs, () => this.#enter('draining', 'budget'));
    this.#lookAgainLater();
    // It may have fired while the engine was asked: an aborted signal tells nobody again.
    if (signal?.aborted) onSignal();
    if (changed?.aborted) onChanged();
    try {
      this.#accept(begun.messages);
      await this.#loop();
      return this.#report('dispatched', this.#stop);
    } catch (error) {
      // Nothing may start any more when a handler left behind ends later.
      this.#enter('stopping', 'error', error);
      this.#tally.lost += this.#inHand.ended + this.#inHand.unsettled;
      return this.#report('failed', 'error', error);
    } finally {
      this.#heartbeat.stop();
      signal?.removeEventListener('abort', onSignal);
      changed?.removeEventListener('abort', onChanged);
      for (const timer of this.#timers) clearTimeout(timer);
      clearTimeout(this.#lookAgainTimer);
      this.#renewed?.(null);
    }
  }

  /** Ends when the lease is given back, or is lost and all outcomes are reported. */
  async #loop(): Promise<void> {
    for (;;) {
      if (performance.now() >= this.#budgetEndsAt) this.#enter('draining', 'budget');
      this.#inHand.startWaiting();
      const next = this.#decide();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#notify = resolve;
        });
        continue;
      }
      const result = await this.#settle(next);
      if (result === undefined) continue;
      if (result.lease === 'released') return;
      if (result.lease === 'lost') {
        this.#leaseGone = true;
        this.#heartbeat.lose('somebody else has taken it');
        // Outcomes that came in during the call are tried too, so that the report knows them lost.
        if (this.#inHand.running === 0 && this.#inHand.ended === 0) return;
      }
      if (result.messages.length > 0) publishPoint('run:claimed', this.#options.tenant.id);
      this.#accept(result.messages);
      // An engine or handlers that answer at once would otherwise keep timers and other tenants' runs from their turn.
      await immediate();
    }
  }

  /** What to ask of the engine now; undefined: wait until something happens. */
  #decide(): SettleRequest['then'] | undefined {
    const { batchSize, batchBytes, concurrency } = this.#options.dispatch;
    const { waiting, running, ended } = this.#inHand;
    const inMemory = waiting + running;
    const isMore = this.#more || (this.#lookAgain && running < concurrency);
    if (this.#phase !== 'claiming') {
      // There is no lease to give back, and nothing to write: wait for a handler to end, or for a commit under way,
      // which the engine sees to the end of.
      if (this.#leaseGone && running > 0 && ended === 0) return undefined;
      if (running === 0 || this.#graceOver) return { do: 'release' };
    } else if (inMemory === 0) {
      return { do: 'claim', solo: true, limit: batchSize, maxBytes: batchBytes };
    } else if (isMore && !this.#solo && waiting < concurrency && inMemory <= batchSize) {
      // The next batch comes while the last of this one run: at most two batches are in memory (D6).
      return { do: 'claim', solo: false, limit: batchSize, maxBytes: batchBytes };
    }
    return this.#renewed ? { do: 'keep' } : undefined;
  }

  /**
   * One round trip. A call that fails is tried again while the lease lasts: the outcomes are in hand, and dropping
   * them would run their messages twice. When its time is up the run stops, and what it has is tried once more with
   * the release: a lease that nobody took since is as good as held (L3). Undefined: the lease's time is up.
   */
  async #settle(then: SettleRequest['then']): Promise<SettleResult | undefined> {
    const { queue, dispatch, retention, tenant, logger, trace } = this.#options;
    const outcomes = this.#inHand.takeOutcomes();
    for (let tries = 1; ; tries++) {
      const sentAt = performance.now();
      publishPoint(then.do === 'keep' ? 'renew:before' : 'settle:before', tenant.id);
      try {
        this.#tally.roundTrips++;
        const request = {
          lease: this.#lease,
          leaseMs: dispatch.leaseMs,
          outcomes,
          onDead: dispatch.onDead,
          then,
          retention,
        };
        const result = await (trace
          ? trace.settling(outcomes, () => queue.settle(request))
          : queue.settle(request));
        publishPoint(then.do === 'keep' ? 'renew:after' : 'settle:after', tenant.id);
        this.#settled(outcomes, result, then, sentAt);
        return result;
      } catch (error) {
        // Whether the call was carried out is unknown: messages it claimed would wait for the next run's recovery.
        if (then.do === 'claim') this.#unknownClaim = true;
        const closed = isMultiOutboxError(error, 'CLOSED');
        if (this.#heartbeat.remainingMs <= 0 || closed) {
          this.#inHand.putBack(outcomes);
          if (then.do === 'release' || closed) throw error;
          this.#heartbeat.lose('its time is up');
          this.#renewed = undefined;
          return undefined;
        }
        logger.warn('Outcomes could not be written; trying again while the lease lasts.', {
          tries,
          code: isMultiOutboxError(error) ? error.code : undefined,
        });
        const pause = Math.min(50 * 2 ** tries, this.#heartbeat.remainingMs / 2);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #settled(
    outcomes: SettledMessage[],
    result: SettleResult,
    then: SettleRequest['then'],
    sentAt: number,
  ): void {
    this.#tally.count(outcomes, result.lost);
    this.#see(result);
    this.#lookAgainLater();
    if (result.lease === 'held') this.#heartbeat.extended(result.expiresInMs, sentAt);
    if (result.lease === 'released') this.#heartbeat.stop();
    // What is left is the new holder's to say; should it die, the tenant must not be thought empty.
    if (result.lease === 'lost') this.#more = true;
    this.#renewed?.(result.lease === 'held' ? result.expiresInMs : null);
    this.#renewed = undefined;
    // Due messages that a claim beside others did not give are recovered ones: they want to be alone.
    if (then.do === 'claim' && !then.solo && result.messages.length === 0 && result.more) this.#solo = true;
    if (then.do === 'claim' && then.solo) this.#solo = false;
  }

  #lookAgainLater(): void {
    this.#lookAgain = false;
    clearTimeout(this.#lookAgainTimer);
    this.#lookAgainTimer = setTimeout(() => {
      this.#lookAgain = true;
      this.#notify();
    }, lookAgainMs);
  }

  #see({ more, nextDueInMs }: { more: boolean; nextDueInMs: number | null }): void {
    this.#more = more;
    this.#nextDueInMs = nextDueInMs;
  }

  /** The heartbeat asks for a renewal: any call that the loop makes renews, one made for it only keeps. */
  #requestRenewal(): Promise<number | null> {
    return new Promise((resolve) => {
      this.#renewed = resolve;
      this.#notify();
    });
  }

  /** What a handler enqueues in its transaction. Another queue's run may be over, so the report tells when it is due. */
  #enqueue(messages: readonly NewMessage[], transaction: unknown): Promise<EnqueueResult[]> {
    const { queue, outbox } = this.#options;
    if (queue.name !== outbox.name) {
      for (const { dueInMs = 0 } of messages)
        this.#enqueuedDueInMs = Math.min(this.#enqueuedDueInMs, dueInMs);
    }
    return outbox.enqueue(messages, transaction);
  }

  #accept(messages: readonly ClaimedMessage[]): void {
    if (messages.some(({ recovered }) => recovered)) this.#solo = true;
    this.#inHand.accept(messages);
    if (this.#phase !== 'claiming') this.#inHand.releaseWaiting();
  }

  /** After a standstill a handler may end before the timers have their turn: what waits may be another run's by now. */
  #mayStart(): boolean {
    if (this.#heartbeat.remainingMs <= 0) this.#heartbeat.lose('its time is up');
    return this.#phase === 'claiming';
  }

  #enter(phase: Exclude<Phase, 'claiming'>, why: StopReason, reason?: unknown): void {
    if (this.#phase === 'stopping' || this.#phase === phase) return;
    const { dispatch } = this.#options;
    this.#stop = why;
    this.#phase = phase;
    this.#inHand.releaseWaiting();
    if (phase === 'draining') {
      // Handlers end by themselves within their timeout: cutting them short at every budget's end would run
      // their messages twice for no need. Only those with a longer timeout of their own are interrupted.
      this.#after(dispatch.handlerTimeoutMs, () => this.#enter('stopping', 'budget', budgetSpent()));
    } else {
      this.#inHand.abort(reason, { byShutdown: why === 'signal' });
      this.#after(dispatch.graceMs, () => this.#endGrace());
    }
    this.#notify();
  }

  /**
   * Handlers that did not heed their signal are left behind. At a shutdown their attempt is given back (Q5); a
   * handler that outlasts a whole run counts its attempt, or it would be started for ever.
   */
  #endGrace(): void {
    this.#graceOver = true;
    const outcome: Outcome =
      this.#stop === 'budget' ? { kind: 'retry', delayMs: 0, error: budgetSpent().message } : interrupted;
    this.#inHand.interrupt(outcome);
    this.#notify();
  }

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, Math.min(ms, 2 ** 31 - 1)));
  }

  #report(status: QueueReport['status'], stop: StopReason, error?: unknown): QueueReport {
    const counts: RunCounts = this.#tally.counts();
    return {
      queue: this.#options.queue.name,
      status,
      stop,
      counts,
      parkedTopics: this.#tally.topics(),
      more: this.#more || this.#unknownClaim,
      nextDueInMs: sooner(this.#nextDueInMs, this.#enqueuedDueInMs),
      roundTrips: this.#tally.roundTrips,
      ...(error !== undefined && { error: describeError(error) }),
    };
  }
}

function sooner(inMs: number | null, otherInMs: number): number | null {
  const soonest = Math.min(inMs ?? Number.POSITIVE_INFINITY, otherInMs);
  return soonest === Number.POSITIVE_INFINITY ? null : soonest;
}

function budgetSpent(): Error {
  return new MultiOutboxError(
    'ABORTED',
    'Interrupted: the handler outlasted the whole dispatch run; raise the time budget or lower the handler timeout.',
  );
}
