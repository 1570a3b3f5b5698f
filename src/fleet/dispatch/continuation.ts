/**
 * A continuation is a request to dispatch the backlog that a run has left, or the messages of a wake that came during the
 * run. It is served at once, without waiting for the next plan.
 */
import type { Reported, TenantReport } from '../../engine/tenant-report.ts';
import { traceHeaders } from '../../telemetry/trace-headers.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import type { RunReport } from './run-report.ts';

/** Whether another run may follow at once. The runs of a tenant that fails are no more frequent than plans (F5). */
export function canContinue({ outcome, skipped }: RunReport): boolean {
  return outcome === 'dispatched' || outcome === 'idle' || skipped === 'leased-elsewhere';
}

/**
 * Creates the request for the run that follows a report, if one follows.
 * @param answer the registry's answer to the report, which the caller has asked to choose the tenant; null when the
 *   registry did not answer. The backlog is then continued by a request that never counts as stale.
 */
export function continuation(
  { tenantId, more }: Pick<RunReport, 'tenantId' | 'more'>,
  { idleStreak, failureStreak }: Pick<TenantReport['schedule'], 'idleStreak' | 'failureStreak'>,
  answer: Reported | null,
): DispatchRequest | undefined {
  if (answer === null ? !more : !answer.chosen) return undefined;
  const { traceparent } = traceHeaders();
  return {
    version: 1,
    tenantId,
    reason: more ? 'backlog' : 'wake',
    plannedUtc: new Date().toISOString(),
    ...(!more && { idleStreak, failureStreak }),
    ...(answer && { lastRunUtc: answer.lastRunUtc?.toISOString() ?? null }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
