import { randomUUID } from 'node:crypto';
import type { Span } from '@opentelemetry/api';
import type { TenantDatabase } from '../engine/engine.ts';
import type { Registry, RunOutcome, TenantRecord } from '../engine/registry.ts';
import type { QueueName } from '../engine/work-queue.ts';
import type { HandlerSet } from '../queue/handler-set.ts';
import { describeError, type QueueReport } from '../queue/report.ts';
import { runQueue } from '../queue/run.ts';
import { addCounts, noCounts } from '../queue/tally.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { recordRun } from '../telemetry/metrics.ts';
import { failed, inSpan, linksTo, RunTrace } from '../telemetry/spans.ts';
import { traceHeaders } from '../telemetry/trace-headers.ts';
import type { TenantDirectory } from './directory.ts';
import type { OpenDatabases } from './open-databases.ts';
import { continuation, isOvertaken } from './overtaken.ts';
import { reportRun, scheduleAfter } from './report-run.ts';
import type { DispatchRequest, RunReport } from './requests.ts';

export interface DispatcherOptions {
  readonly registry: Registry;
  readonly directory: TenantDirectory;
  readonly databases: OpenDatabases;
  /** The handlers of each work queue that has any (D1). */
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
  readonly settings: Settings;
  readonly owner: string;
  readonly logger: Logger;
  readonly random: () => number;
}

export interface DispatchOptions {
  readonly signal?: AbortSignal;
  /**
   * The caller sends the report's `continuation`: a tenant with backlog left is due again only after this many
   * milliseconds, when it must be lost.
   */
  readonly continuedForMs?: number;
}

/**
 * Serves one dispatch request: one dispatch run over every queue of the tenant that has handlers (D1), then reports to
 * the registry with the schedule that follows (D7, F5). The tenant's trouble ends in the report (D8).
 * @throws MultiOutboxError UNKNOWN_TENANT, or the registry's error when the tenant is not known and cannot be read
 */
export function dispatchTenant(
  options: DispatcherOptions,
  request: DispatchRequest,
  dispatchOptions: DispatchOptions = {},
): Promise<RunReport> {
  const attributes = { 'tenant.id': request.tenantId, reason: request.reason };
  return inSpan('dispatch', { attributes, links: linksTo(request) }, async (span) => {
    const report = await serve(options, request, dispatchOptions, span);
    const { runId, outcome, counts, roundTrips, error } = report;
    span.setAttributes({ 'run.id': runId, outcome, ...counts, roundTrips });
    if (outcome === 'failed') failed(span, error?.code ?? 'INTERNAL');
    recordRun(report);
    return report;
  });
}

async function serve(
  options: DispatcherOptions,
  request: DispatchRequest,
  { signal, continuedForMs }: DispatchOptions,
  span: Span,
): Promise<RunReport> {
  const tenant = await options.directory.get(request.tenantId);
  const runId = randomUUID();
  const startedAt = performance.now();
  const logger = options.logger.child({ tenantId: tenant.id, runId, ...traceHeaders(span) });
  const skipped = (why: RunReport['skipped']): RunReport => ({
    ...summary(runId, request, []),
    outcome: 'skipped',
    skipped: why,
    durationMs: 0,
  });
  if (tenant.status !== 'active') return skipped('not-active');
  if (await isOvertaken(request, options, logger)) {
    logger.debug('A later run has done the work of this request.', { plannedUtc: request.plannedUtc });
    return skipped('stale');
  }
  const result = await runQueues(options, tenant, runId, signal, logger, span).then(
    (queues) => summary(runId, request, queues),
    // The database could not even be opened.
    (error): Summary => ({ ...summary(runId, request, []), ...failure(error) }),
  );
  const report: RunReport = { ...result, durationMs: Math.round(performance.now() - startedAt) };
  log(logger, report);
  // A process that is being stopped may not get round to sending anything.
  const isContinued = continuedForMs !== undefined && canContinue(report) && !signal?.aborted;
  const schedule = scheduleAfter(
    { tenant, request, report, ...(isContinued && { continuedForMs }) },
    options.settings.schedule,
    options.random,
  );
  const isReported = await reportRun(options, report, schedule, logger);
  if (!isContinued) return report;
  return { ...report, continuation: await continuation(options.registry, tenant.id, isReported) };
}

function canContinue({ outcome, more }: RunReport): boolean {
  return more && (outcome === 'dispatched' || outcome === 'idle');
}

/** The report of a request that could not be served at all. */
export function unservedReport(request: DispatchRequest, error: unknown): RunReport {
  return { ...summary(randomUUID(), request, []), ...failure(error), durationMs: 0 };
}

function failure(error: unknown): Pick<RunReport, 'outcome' | 'error'> {
  return { outcome: 'failed', error: describeError(error) };
}

async function runQueues(
  { databases, handlers, settings, owner, random }: DispatcherOptions,
  tenant: TenantRecord,
  runId: string,
  signal: AbortSignal | undefined,
  logger: Logger,
  span: Span,
): Promise<QueueReport[]> {
  const { dispatch, retry, retention } = settings;
  const { batchSize = dispatch.batchSize, concurrency = dispatch.concurrency } = tenant.overrides;
  const run = (database: TenantDatabase, changed: AbortSignal) =>
    Promise.all(
      [...handlers].map(([name, set]) =>
        runQueue({
          queue: database.queue(name),
          handlers: set,
          tenant: { id: tenant.id, tags: tenant.tags },
          // Of its own for each run: two requests for a tenant may meet in one process, and an owner may take over
          // what it holds itself (L2).
          owner: `${owner}:${runId.slice(0, 8)}`,
          context: `run ${runId}`,
          dispatch: { ...dispatch, batchSize, concurrency },
          retry,
          retention,
          budgetMs: dispatch.timeBudgetMs,
          signal,
          changed,
          logger: logger.child({ queue: name }),
          random,
          outbox: database.queue('outbox'),
          trace: RunTrace.of(span, tenant.id, name),
        }),
      ),
    );
  return databases.use(tenant, run);
}

type Summary = Omit<RunReport, 'durationMs'>;

/** One report out of the queues' reports. */
function summary(runId: string, request: DispatchRequest, queues: readonly QueueReport[]): Summary {
  const failed = queues.find(({ status }) => status === 'failed');
  const due = queues.map(({ nextDueInMs }) => nextDueInMs).filter((inMs) => inMs !== null);
  const outcome = outcomeOf(queues);
  return {
    runId,
    tenantId: request.tenantId,
    reason: request.reason,
    outcome,
    ...(outcome === 'skipped' && { skipped: 'held' as const }),
    queues,
    counts: queues.reduce((sum, { counts }) => addCounts(sum, counts), noCounts),
    parkedTopics: [...new Set(queues.flatMap(({ parkedTopics }) => parkedTopics))],
    more: queues.some(({ more }) => more),
    nextDueInMs: due.length > 0 ? Math.min(...due) : null,
    roundTrips: queues.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
    ...(failed?.error && { error: failed.error }),
  };
}

function outcomeOf(queues: readonly QueueReport[]): RunOutcome {
  const failed = queues.find(({ status }) => status === 'failed');
  if (failed) return failed.error?.code === 'DATABASE_RESUMING' ? 'resuming' : 'failed';
  if (queues.some(({ status }) => status === 'dispatched')) return 'dispatched';
  return queues.some(({ status }) => status === 'leased-elsewhere') ? 'skipped' : 'idle';
}

function log(logger: Logger, report: RunReport): void {
  const { outcome, counts, durationMs, more, roundTrips, error, parkedTopics } = report;
  const fields = { outcome, ...counts, durationMs, more, roundTrips };
  if (outcome === 'failed') logger.error('Dispatch run failed.', { ...fields, error });
  else if (parkedTopics.length > 0)
    logger.warn('Dispatch run found topics without a handler.', { ...fields, parkedTopics });
  else if (counts.lost > 0) logger.warn('Dispatch run lost outcomes.', fields);
  else if (outcome === 'dispatched') logger.info('Dispatch run ended.', fields);
  else logger.debug('Dispatch run ended.', fields);
}
