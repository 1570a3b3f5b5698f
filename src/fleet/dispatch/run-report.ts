/** The report of a dispatch run (D7), combined from the reports of the tenant's work queues. */
import { randomUUID } from 'node:crypto';
import {
  addHistograms,
  type DurationFigures,
  durationFigures,
  emptyHistogram,
  type Histogram,
} from '../../engine/histogram.ts';
import type { RunCounts } from '../../engine/registry.ts';
import type { RunOutcome } from '../../engine/tenant-report.ts';
import { describeError } from '../../errors.ts';
import type { LoopBlock } from '../../queue/loop-blocks.ts';
import type { QueueReport } from '../../queue/report.ts';
import { addCounts, noCounts } from '../../queue/tally.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DispatchReason, DispatchRequest } from '../dispatch-request.ts';

/** The report of one dispatch run (D7). */
export interface RunReport {
  readonly runId: string;
  readonly tenantId: string;
  readonly reason: DispatchReason;
  /**
   * `dispatched`: the run claimed messages, whatever their outcomes. `idle`: no message was due. `skipped`: see
   * `skipped`. `resuming`: the database is resuming from auto-pause. `failed`: see `error`.
   */
  readonly outcome: RunOutcome;
  /**
   * Why a run was skipped. `leased-elsewhere`: another run has the queue lease. `not-active`: the tenant is paused or
   * retired. `stale`: a run that reported after the request was planned has done the request's work.
   */
  readonly skipped?: 'leased-elsewhere' | 'not-active' | 'stale';
  readonly queues: readonly QueueReport[];
  readonly counts: RunCounts;
  readonly parkedTopics: readonly string[];
  /** How long the run's messages waited, from their due times to the starts of their handlers. */
  readonly wait: DurationFigures;
  /** How long their handlers took. */
  readonly handle: DurationFigures;
  readonly more: boolean;
  readonly nextDueInMs: number | null;
  readonly durationMs: number;
  readonly roundTrips: number;
  /** True: a wake came while the run was in flight, so the tenant is due again, or there is a `continuation`. */
  readonly woken?: boolean;
  /**
   * The longest time for which the event loop was busy because of this run, or, if it is not `measured`, perhaps because
   * of it; all other work of the process waited. Absent when it was short.
   */
  readonly blockedLoop?: LoopBlock;
  readonly error?: { readonly code: string; readonly message: string };
  /** With `continues`: the request for the remaining backlog, or for a wake during the run. The caller must serve it. */
  readonly continuation?: DispatchRequest;
}

/** A run that has started; `startedAt` is by `performance.now()`. */
export interface StartedRun {
  readonly runId: string;
  readonly request: DispatchRequest;
  readonly startedAt: number;
}

/** Combines the queues' reports into one. */
export function runReport(
  { runId, request, startedAt }: StartedRun,
  queues: readonly QueueReport[],
): RunReport {
  const failed = queues.find(({ status }) => status === 'failed');
  const outcome = outcomeOf(queues, failed);
  const [blockedLoop] = queues.flatMap(({ blockedLoop = [] }) => blockedLoop).sort((a, b) => b.ms - a.ms);
  return {
    runId,
    tenantId: request.tenantId,
    reason: request.reason,
    outcome,
    ...(outcome === 'skipped' && { skipped: 'leased-elsewhere' as const }),
    queues,
    counts: queues.reduce((sum, { counts }) => addCounts(sum, counts), noCounts),
    parkedTopics: [...new Set(queues.flatMap(({ parkedTopics }) => parkedTopics))],
    wait: durationFigures(timesOf(queues, 'wait')),
    handle: durationFigures(timesOf(queues, 'handle')),
    more: queues.some(({ more }) => more),
    nextDueInMs: nextDueOf(queues),
    durationMs: Math.round(performance.now() - startedAt),
    roundTrips: queues.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
    ...(blockedLoop && { blockedLoop }),
    ...(failed?.error && { error: failed.error }),
  };
}

/**
 * Milliseconds from now until the next message of all queues is due, as far as their runs know; null if none of them knows
 * one. A queue's run counts them from its own end, which may be long ago: the other queue's run took longer.
 */
export function nextDueOf(queues: readonly QueueReport[]): number | null {
  return soonest(queues, ({ nextDueInMs }) => nextDueInMs);
}

/** As `nextDueOf`, until the next run should remove Done messages (Q12). */
export function nextPurgeOf(queues: readonly QueueReport[]): number | null {
  return soonest(queues, ({ purgeInMs = null }) => purgeInMs);
}

function soonest(queues: readonly QueueReport[], inMs: (queue: QueueReport) => number | null): number | null {
  const times = queues.flatMap((queue) => {
    const ms = inMs(queue);
    return ms === null ? [] : [leftMs(ms, queue.endedAt)];
  });
  return times.length > 0 ? Math.min(...times) : null;
}

/** Milliseconds that are left now, when there were `inMs` at the time `since`, by `performance.now()`. */
export function leftMs(inMs: number, since: number): number {
  return Math.max(0, Math.round(inMs - (performance.now() - since)));
}

/** The histogram over all queues. */
export function timesOf(queues: readonly QueueReport[], kind: 'wait' | 'handle'): Histogram {
  return queues.map((queue) => queue[kind]).reduce(addHistograms, emptyHistogram);
}

/** The report of a run that was skipped for this reason before it touched a queue. */
export function skippedReport(run: StartedRun, skipped: NonNullable<RunReport['skipped']>): RunReport {
  return { ...runReport(run, []), outcome: 'skipped', skipped, durationMs: 0 };
}

/** The report of a run whose tenant database could not be opened. */
export function failedReport(run: StartedRun, error: unknown): RunReport {
  return { ...runReport(run, []), outcome: 'failed', error: describeError(error) };
}

/** The report of a request for which no run could start. */
export function unservedReport(request: DispatchRequest, error: unknown): RunReport {
  return failedReport({ runId: randomUUID(), request, startedAt: performance.now() }, error);
}

function outcomeOf(queues: readonly QueueReport[], failed: QueueReport | undefined): RunOutcome {
  if (failed) return failed.error?.code === 'DATABASE_RESUMING' ? 'resuming' : 'failed';
  if (queues.some(({ status }) => status === 'dispatched')) return 'dispatched';
  return queues.some(({ status }) => status === 'leased-elsewhere') ? 'skipped' : 'idle';
}

/** Milliseconds. A block that delays other tenants noticeably. */
export const longBlockMs = 500;

export function logReport(logger: Logger, report: RunReport): void {
  if (report.blockedLoop && report.blockedLoop.ms >= longBlockMs) logBlock(logger, report.blockedLoop);
  const { outcome, counts, durationMs, more, roundTrips, error, parkedTopics } = report;
  const fields = { outcome, ...counts, durationMs, more, roundTrips };
  if (outcome === 'failed') logger.error('Dispatch run failed.', { ...fields, error });
  else if (outcome === 'dispatched' && parkedTopics.length > 0)
    logger.warn('Dispatch run found topics without a handler; register handlers for them.', {
      ...fields,
      parkedTopics,
    });
  else if (counts.lost > 0)
    logger.warn('Dispatch run lost outcomes, so their messages are handled again.', fields);
  else if (outcome === 'dispatched') logger.info('Dispatch run ended.', fields);
  else logger.debug('Dispatch run ended.', fields);
}

function logBlock(logger: Logger, { topic, ms, measured }: LoopBlock): void {
  if (topic === null)
    // A slow disk may do this, too.
    logger.info(
      "Reading or writing this tenant's messages blocked the event loop; all tenants of this process waited. Lower MULTI_OUTBOX_BATCH_BYTES.",
      { blockedMs: ms },
    );
  else if (!measured)
    logger.warn(
      "Something blocked the event loop while this tenant's handler was in flight; all tenants of this process waited. It was the handler after its first await, or other code of this process; a CPU profile shows which.",
      { topic, blockedMs: ms },
    );
  else
    logger.warn(
      "This tenant's handler blocked the event loop; all tenants of this process waited. Let it pause, or move its work to a worker thread.",
      { topic, blockedMs: ms },
    );
}
