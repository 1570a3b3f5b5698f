/**
 * A continuation is a request to dispatch the backlog that a run has left, or the messages of a wake that came during the
 * run. It is sent at once, without waiting for the next plan.
 */
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { traceHeaders } from '../../telemetry/trace-headers.ts';
import { type DispatchRequest, dispatchRequests } from '../dispatch-request.ts';
import type { RunReport } from './run-report.ts';

export function canContinue({ outcome, more }: RunReport): boolean {
  return more && (outcome === 'dispatched' || outcome === 'idle');
}

/** Creates the request for a tenant's remaining backlog, after a run that has just been reported. */
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
  // This costs one read for each used-up time budget. If the registry does not answer, the request never counts as
  // stale.
  const tenant = await registry.get(tenantId).catch(() => null);
  if (tenant === null) return request;
  return { ...request, lastRunUtc: tenant.schedule.lastRunUtc?.toISOString() ?? null };
}

/**
 * Chooses a tenant that was woken during its run, after the run's report has made it due. Returns its request; undefined
 * if a plan chooses the tenant instead.
 */
export async function wokenRequest(
  {
    registry,
    logger,
    redispatchMs,
  }: { readonly registry: Registry; readonly logger: Logger; readonly redispatchMs: number },
  tenantId: string,
): Promise<DispatchRequest | undefined> {
  try {
    const { chosen } = await registry.wake([tenantId], { capacity: 1, redispatchMs });
    const reason = 'wake';
    return dispatchRequests(
      chosen.map((tenant) => ({ tenant, reason })),
      traceHeaders().traceparent,
    )[0];
  } catch (error) {
    logger.debug('The woken tenant could not be chosen; it is due, so the next plan chooses it.', {
      error: describeError(error),
    });
    return undefined;
  }
}
