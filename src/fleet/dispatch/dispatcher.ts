import { randomUUID } from 'node:crypto';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { TenantReport } from '../../engine/tenant-report.ts';
import { markIdle } from '../../telemetry/idle-spans.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { isIdleRun, recordRun } from '../../telemetry/metrics.ts';
import { failed, inSpan, linksTo } from '../../telemetry/spans.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { canContinue, continuation } from './continuation.ts';
import { postponePlans } from './postpone-plans.ts';
import { reportRun, scheduleAfter } from './report-run.ts';
import { type QueueRunsOptions, runQueues } from './run-queues.ts';
import {
  failedReport,
  logReport,
  type RunReport,
  runReport,
  type StartedRun,
  skippedReport,
} from './run-report.ts';
import { isStaleRequest } from './stale-request.ts';

export interface DispatcherOptions extends QueueRunsOptions {
  readonly registry: Registry;
  readonly directory: TenantDirectory;
  readonly logger: Logger;
  /** Milliseconds after which a tenant is due again if its continuation was lost. */
  readonly redispatchMs: number;
}

export interface DispatchOptions {
  readonly signal?: AbortSignal;
  /**
   * True: the caller serves the report's `continuation`, if there is one, or sends it through its queue, so a plan need
   * not request the rest of the backlog, or the run that follows a wake. False, the default: the tenant is due now. A
   * function is asked at the end of the run.
   */
  readonly continues?: boolean | (() => boolean);
}

/**
 * Handles one dispatch request: makes one dispatch run over every queue of the tenant that has handlers (D1), then
 * reports the run and the next schedule to the registry (D7, F5). The report contains the tenant's failures; they are
 * not thrown (D8).
 * @throws MultiOutboxError UNKNOWN_TENANT, or the registry's error when the tenant is not known and cannot be read
 */
export function dispatchTenant(
  options: DispatcherOptions,
  request: DispatchRequest,
  { signal, continues = false }: DispatchOptions & { readonly signal: AbortSignal },
): Promise<RunReport> {
  const { registry, directory, settings, random, redispatchMs } = options;
  const attributes = { 'tenant.id': request.tenantId, reason: request.reason };
  return inSpan('dispatch', { attributes, links: linksTo(request) }, async (span) => {
    const tenant = await directory.get(request.tenantId);
    const run: StartedRun = { runId: randomUUID(), request, startedAt: performance.now() };
    const { runId } = run;
    const logger = options.logger.child({ tenantId: tenant.id, runId });
    const recorded = (report: RunReport): RunReport => {
      const { outcome, counts, roundTrips, error } = report;
      span.setAttributes({ 'run.id': runId, outcome, ...counts, roundTrips });
      if (outcome === 'failed') failed(span, error?.code ?? 'INTERNAL');
      if (isIdleRun(report)) markIdle(span);
      recordRun(report, request.failureStreak);
      return report;
    };

    if (tenant.status !== 'active') return recorded(skippedReport(run, 'not-active'));
    if (await isStaleRequest(request, registry, logger)) return recorded(skippedReport(run, 'stale'));
    const endPostponing = postponePlans({
      registry,
      tenantId: tenant.id,
      ...knownVersion(tenant),
      leaseMs: settings.dispatch.leaseMs,
      logger,
    });
    const report = await runQueues(options, { tenant, runId, signal, logger, span }).then(
      (queues) => runReport(run, queues),
      (error) => failedReport(run, error),
    );
    await endPostponing();
    logReport(logger, report);
    // A process that is being stopped may have no time left to send anything.
    const isContinued =
      !signal.aborted && canContinue(report) && (typeof continues === 'function' ? continues() : continues);
    const schedule = scheduleAfter({ tenant, request, report }, settings.schedule, random);
    const answer = await reportRun(
      { registry, random, keepsHistory: settings.telemetry.history },
      report,
      { ...knownVersion(tenant), schedule, ...(isContinued && { continues: { redispatchMs } }) },
      logger,
    );
    if (answer?.moved) {
      logger.info('The tenant has moved to another database during the run; its report was ignored.');
      await directory.reread(tenant.id);
    }
    const next = isContinued ? continuation(report, schedule, answer) : undefined;
    return recorded({
      ...report,
      ...((answer?.woken || next?.reason === 'wake') && { woken: true }),
      ...(next && { continuation: next }),
    });
  });
}

/** A version that cannot be read says nothing; its tenant's run fails, and that must be reported (Q15). */
function knownVersion({ version, unreadable }: TenantRecord): Pick<TenantReport, 'tenantVersion'> {
  return unreadable === undefined ? { tenantVersion: version } : {};
}
