/**
 * The dispatch run of one work queue (section 5): begin → handlers → settle and claim → … → release.
 *
 * Only the loop calls the engine, one call at a time, so that every call carries the lease, the outcomes and the next
 * claim together (Q8). Handlers run concurrently with the loop. next-call.ts decides which call comes next,
 * run-phase.ts how the run ends, run-lease.ts what a lost lease means. `#on` handles every event.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import { lastUsed } from '../compiled-code.ts';
import type { ClaimedMessage, EnqueueResult, NewMessage, Outcome } from '../engine/message.ts';
import type { BeginResult, SettleRequest, WorkQueue } from '../engine/work-queue.ts';
import { MultiOutboxError } from '../errors.ts';
import { EventLoopYielder } from '../event-loop-yielder.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { messageTimeMetrics } from '../telemetry/metrics.ts';
import { publishPoint } from '../telemetry/points.ts';
import type { RunTrace } from '../telemetry/spans.ts';
import type { Attempt } from './attempt.ts';
import { Backlog } from './backlog.ts';
import { type Begun, beginRun } from './begin-call.ts';
import { type FailureListeners, noListeners, RunFailures } from './failures.ts';
import type { HandlerSet } from './handler-set.ts';
import { MessagesInFlight } from './in-flight.ts';
import { LoopBlocks } from './loop-blocks.ts';
import { type BeatingRun, loopPulse } from './loop-pulse.ts';
import { type NextCall, nextCall, type RunState } from './next-call.ts';
import { interrupted, type Parking } from './outcome.ts';
import { type QueueReport, queueReport, type RunEnd } from './report.ts';
import { Rooms } from './rooms.ts';
import { RunLease } from './run-lease.ts';
import { type PhaseEvent, RunPhase } from './run-phase.ts';
import { RunTimes } from './run-times.ts';
import { type RunBooks, settleWhileLeaseLasts, warnIfUncounted } from './settle-call.ts';
import { RunTally } from './tally.ts';

export interface QueueRunOptions {
  readonly queue: WorkQueue;
  readonly handlers: HandlerSet;
  readonly tenant: { readonly id: string; readonly tags: Readonly<Record<string, string>> };
  readonly owner: string;
  /** Stored with the lease, for people to read. */
  readonly context: string;
  readonly dispatch: Settings['dispatch'];
  readonly retry: Settings['retry'];
  readonly retention: Settings['retention'];
  /** The delays of messages whose topic has no handler; src/queue/outcome.ts has the default. */
  readonly parking?: Parking | undefined;
  /** How long the run may claim, in milliseconds from now. */
  readonly budgetMs: number;
  readonly signal: AbortSignal | undefined;
  /** Fires when the tenant is changed, paused or retired: the run must not claim under the old definition. */
  readonly changed?: AbortSignal;
  readonly logger: Logger;
  readonly random: () => number;
  /** The tenant's outbox, for messages that handlers enqueue in their own transactions. */
  readonly outbox: Pick<WorkQueue, 'name' | 'enqueue'>;
  /** Whether log lines may have the text of a handler's error. Default: false. */
  readonly logsHandlerText?: boolean;
  /** Default: the run's own log lines, without a bound. */
  readonly failures?: FailureListeners | undefined;
  /** Absent when no traces are recorded. */
  readonly trace?: RunTrace | undefined;
}

/**
 * Runs one work queue until no message is left, the budget is spent, the signal fires or the lease is lost. Never
 * throws.
 */
export async function runQueue(options: QueueRunOptions): Promise<QueueReport> {
  const { queue, signal, tenant } = options;
  const tally = new RunTally(new RunTimes(messageTimeMetrics(tenant.id, queue.name)));
  const backlog = new Backlog(options.handlers.fewestAttempts(options.retry.maxAttempts));
  const blocks = new LoopBlocks();
  const report = (end: RunEnd) => queueReport(queue.name, end, tally, backlog, blocks);
  // The engine has not been asked, so assume that there is work: the tenant stays due.
  if (signal?.aborted) return { ...report({ status: 'idle', stop: 'signal' }), more: true };
  const run = await startRun(options, { tally, backlog, blocks }, report);
  return run instanceof QueueRun ? report(await run.untilEnd()) : run;
}

/**
 * Begins a run; returns the report if that was all. The first batch is then only in the run: a function that waits for the
 * run's end would keep it until then.
 */
async function startRun(
  options: QueueRunOptions,
  { tally, backlog, blocks }: Omit<RunBooks, 'lease'>,
  report: (end: RunEnd) => QueueReport,
): Promise<QueueRun | QueueReport> {
  const rooms = new Rooms(options.handlers, options.dispatch);
  let answer: Begun;
  try {
    answer = await beginRun(options, rooms, { tally, blocks });
  } catch (error) {
    return report({ status: 'failed', stop: 'error', error });
  }
  const { begun, sentAt, isPurgeLeft } = answer;
  if (begun.status === 'leased-elsewhere') {
    const { owner, expiresInMs } = begun;
    return { ...report({ status: begun.status, stop: 'drained' }), heldBy: { owner, expiresInMs } };
  }
  tally.recovered += begun.recovered;
  backlog.begun(begun, isPurgeLeft);
  warnIfUncounted(options, begun);
  for (const topic of begun.parked.topics) tally.unhandled(topic);
  if (begun.status === 'idle') return report({ status: 'idle', stop: 'drained' });
  publishPoint('run:claimed', options.tenant.id);
  return new QueueRun(options, { begun, sentAt }, { tally, backlog, blocks, rooms });
}

/** How long a run may keep the event loop busy, in milliseconds, before it lets others go on. A call may take longer. */
const longestTurnMs = 1;

type RunEvent =
  | { readonly kind: 'ended'; readonly attempt: Attempt; readonly outcome: Outcome }
  | { readonly kind: 'renewal-due' | 'answer-old' }
  | PhaseEvent;

class QueueRun implements BeatingRun {
  readonly #options: QueueRunOptions;
  readonly #tally: RunTally;
  readonly #backlog: Backlog;
  readonly #blocks: LoopBlocks;
  readonly #failures: RunFailures;
  readonly #rooms: Rooms;
  readonly #lease: RunLease;
  readonly #inFlight: MessagesInFlight;
  readonly #phase: RunPhase;
  /** The first batch, until it is accepted. */
  #first: readonly ClaimedMessage[];
  #isStarting = false;
  #wakeLoop: () => void = () => {};
  readonly #onOldAnswer = () => this.#on({ kind: 'answer-old' });

  constructor(
    options: QueueRunOptions,
    { begun, sentAt }: Pick<Begun, 'sentAt'> & { begun: Extract<BeginResult, { status: 'claimed' }> },
    { tally, backlog, blocks, rooms }: Omit<RunBooks, 'lease'> & { readonly rooms: Rooms },
  ) {
    const { queue, handlers, tenant, dispatch, parking, retry, budgetMs, logger, random, trace } = options;
    lastUsed.run = this;
    this.#options = options;
    this.#tally = tally;
    this.#backlog = backlog;
    this.#blocks = blocks;
    this.#rooms = rooms;
    // A function that used `begun` would keep the first batch as long as the run.
    const { lease } = begun;
    this.#lease = new RunLease({
      queue: queue.name,
      begun,
      sentAt,
      durationMs: dispatch.leaseMs,
      random,
      onRenewalDue: () => this.#on({ kind: 'renewal-due' }),
      onLost: (reason) => this.#on({ kind: 'lease-lost', reason }),
    });
    const logsHandlerText = options.logsHandlerText ?? false;
    this.#failures = new RunFailures({
      tenantId: tenant.id,
      queue: queue.name,
      logger,
      logsHandlerText,
      listeners: options.failures ?? noListeners,
      results: tally.results,
    });
    this.#inFlight = new MessagesInFlight({
      handlers,
      dispatch,
      parking,
      rooms,
      tally,
      blocks,
      failures: this.#failures,
      attempts: {
        tenant,
        queue: queue.name,
        fence: lease.fence,
        logger: logger.child({ fence: lease.fence }),
        retry,
        timeoutMs: dispatch.handlerTimeoutMs,
        random,
        logsHandlerText,
        transactions: {
          transact: (request, work) => queue.transact({ ...request, lease }, work),
          enqueue: (messages, transaction) => this.#enqueue(messages, transaction),
        },
        trace,
      },
      onEnded: (attempt, outcome) => this.#on({ kind: 'ended', attempt, outcome }),
    });
    // Handlers end by themselves within their timeout; interrupting them whenever a budget ends would run their
    // messages twice without need. The end of draining interrupts only handlers with a longer timeout of their own.
    const times = { claiming: budgetMs, draining: dispatch.handlerTimeoutMs, stopping: dispatch.graceMs };
    this.#phase = new RunPhase(times, () => this.#on({ kind: 'time-over' }));
    this.#first = begun.messages;
  }

  /** Handles the first batch and all that follow. */
  async untilEnd(): Promise<RunEnd> {
    const { signal, changed } = this.#options;
    const stopListening = [
      onAbort(signal, (reason) => this.#on({ kind: 'signal', reason })),
      onAbort(changed, () => this.#on({ kind: 'changed' })),
    ];
    loopPulse.enter(this);
    try {
      this.#watchBacklog();
      this.#acceptFirst();
      await this.#loop();
      return { status: 'dispatched', stop: this.#phase.why };
    } catch (error) {
      // Leave the claiming phase; otherwise a handler that ends later would start the next message.
      this.#on({ kind: 'error', reason: error });
      this.#tally.lost += this.#inFlight.unsettled;
      return { status: 'failed', stop: 'error', error };
    } finally {
      loopPulse.leave(this);
      for (const stop of stopListening) stop();
      this.#phase.stopTimer();
      this.#backlog.stopWatching();
      this.#lease.stop();
    }
  }

  /** Returns when the lease is released, or is lost and all outcomes have been sent. */
  async #loop(): Promise<void> {
    const yielder = new EventLoopYielder(longestTurnMs);
    for (;;) {
      if (this.#phase.isTimeOver) this.#on({ kind: 'time-over' });
      this.#startWaiting();
      const call = nextCall(this.#state(), this.#options.dispatch);
      if (call === 'end') return;
      if (call === 'wait') {
        await new Promise<void>((resolve) => {
          this.#wakeLoop = resolve;
        });
        continue;
      }
      const outcomes = this.#inFlight.outcomes();
      const answer = await settleWhileLeaseLasts(
        this.#options,
        { lease: this.#lease, backlog: this.#backlog, tally: this.#tally, blocks: this.#blocks },
        outcomes,
        this.#then(call),
      );
      // No answer came before the lease ran out. Keep the outcomes: the release sends them once more.
      if (answer === undefined) continue;
      this.#inFlight.forget(outcomes);
      this.#failures.settled(outcomes, answer.unmatched);
      this.#watchBacklog();
      if (answer.messages.length === 0) {
        if (answer.more) await immediate();
        continue;
      }
      publishPoint('run:claimed', this.#options.tenant.id);
      this.#accept(answer.messages);
      // An engine and handlers that answer synchronously would starve timers and other tenants' runs.
      await yielder.yieldIfDue();
    }
  }

  /** Handles every event that arrives while the loop waits, or while the loop's call is under way. */
  #on(event: RunEvent): void {
    if (event.kind === 'ended') {
      if (!this.#isStarting) this.#blocks.ended(event.attempt.handler.topic, event.attempt.endedAt!);
      this.#inFlight.end(event.attempt, event.outcome);
      this.#startWaiting();
    } else if (event.kind !== 'renewal-due' && event.kind !== 'answer-old') {
      if (this.#phase.move(event.kind)) this.#enterPhase('reason' in event ? event.reason : outlasted());
    }
    this.#wakeLoop();
  }

  #state(): RunState {
    const { waiting, startable, running, ended } = this.#inFlight;
    const { more, throttled, answerIsOld, solo } = this.#backlog;
    const { state: lease, renewalDue } = this.#lease;
    return {
      phase: this.#phase.current,
      lease,
      renewalDue,
      waiting,
      startable,
      running,
      ended,
      more: more || (throttled && this.#rooms.isFreeAgain),
      answerIsOld,
      solo,
    };
  }

  #startWaiting(): void {
    // A synchronous handler ends inside this loop and would enter it again.
    if (this.#isStarting) return;
    this.#isStarting = true;
    try {
      let now: number | undefined = performance.now();
      while (now !== undefined && this.#mayStart(now)) now = this.#inFlight.startNext(now);
    } finally {
      this.#isStarting = false;
      this.#blocks.paused();
    }
  }

  topics(): readonly string[] {
    return this.#inFlight.topics();
  }

  onBlocked(topic: string, ms: number): void {
    this.#blocks.noticed(topic, ms);
  }

  /**
   * Whether the next message may start. It checks the lease first: after the event loop was blocked, a
   * handler may end before the timers fire, and another run may already have the waiting messages.
   */
  #mayStart(now: number): boolean {
    this.#lease.check(now);
    return this.#phase.current === 'claiming';
  }

  /** Apart from `untilEnd`, which would keep the batch until the run's end. */
  #acceptFirst(): void {
    this.#accept(this.#first);
    this.#first = [];
  }

  #accept(messages: readonly ClaimedMessage[]): void {
    this.#backlog.claimed(messages);
    this.#inFlight.accept(messages);
    if (this.#phase.current !== 'claiming') this.#inFlight.releaseWaiting();
  }

  #enterPhase(reason: unknown): void {
    const { current, why } = this.#phase;
    this.#inFlight.releaseWaiting();
    if (current === 'stopping') this.#inFlight.abort(reason, { byShutdown: why === 'signal' });
    // At a shutdown the attempt is not counted (Q5). An attempt that outlasts the whole run does count; otherwise its
    // message would be started for ever.
    if (current === 'leaving')
      this.#inFlight.interrupt(
        why === 'budget' ? { kind: 'retry', delayMs: 0, error: outlasted().message } : interrupted,
      );
  }

  #then(call: Exclude<NextCall, 'wait' | 'end'>): SettleRequest['then'] {
    const { batchSize: limit, batchBytes: maxBytes } = this.#options.dispatch;
    if (call === 'renew-lease') return { do: 'renew-lease' };
    if (call === 'release-lease') return { do: 'release-lease' };
    const rooms = this.#rooms.forClaim();
    const { together } = this.#backlog;
    return { do: 'claim', solo: call === 'claim-solo', together, limit, maxBytes, ...(rooms && { rooms }) };
  }

  #watchBacklog(): void {
    this.#backlog.watch(this.#onOldAnswer);
  }

  /**
   * Stores messages that a handler enqueues in its transaction. The other queue's run may be over, so this run's
   * report includes when they are due.
   */
  #enqueue(messages: readonly NewMessage[], transaction: unknown): Promise<EnqueueResult[]> {
    const { queue, outbox } = this.#options;
    if (queue.name !== outbox.name) this.#backlog.enqueued(messages);
    return outbox.enqueue(messages, transaction);
  }
}

/** Calls `action` when the signal fires, or at once if it has fired. Returns a function that removes the listener. */
function onAbort(signal: AbortSignal | undefined, action: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => {};
  const listener = () => action(signal.reason);
  signal.addEventListener('abort', listener);
  if (signal.aborted) listener();
  return () => signal.removeEventListener('abort', listener);
}

function outlasted(): MultiOutboxError {
  return new MultiOutboxError(
    'ABORTED',
    'Interrupted: the handler outlasted the whole dispatch run; raise the time budget or lower the handler timeout.',
  );
}
