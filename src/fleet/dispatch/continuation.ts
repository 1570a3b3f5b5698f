/** Backlog that a run has left, served by a request that follows at once instead of by the next plan. */
import type { Registry } from '../../engine/registry.ts';
import { traceHeaders } from '../../telemetry/trace-headers.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import type { RunReport } from './run-report.ts';

export function canContinue({ outcome, more }: RunReport): boolean {
  return more && (outcome === 'dispatched' || outcome === 'idle');
}

/** The request that carries on with a tenant's backlog, after a run that has just been reported. */
export async function continuation(
  registry: Registry,
  tenantId: string,
  isReported: boolean,
): Promise<DispatchRequest> {
  const plannedUtc = new Date().toISOString();
  const { traceparent } = traceHeaders();
  const request = {
    version: 1,
    tenantId,
    reason: 'backlog',
    plannedUtc,
    ...(traceparent !== undefined && { traceparent }),
  } as const;
  if (!isReported) return request;
  // One read for each time budget spent. Without an answer the request is one that is never stale.
  const tenant = await registry.get(tenantId).catch(() => null);
  if (tenant === null) return request;
  return { ...request, lastRunUtc: tenant.schedule.lastRunUtc?.toISOString() ?? null };
}
