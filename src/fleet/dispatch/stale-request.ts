/**
 * Requests that others have overtaken. A queue may hold a request for long, deliver it twice, or hold two for one
 * tenant once it was planned again; each run more than needed is a look at a database that might be asleep (F6).
 */
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../queue/report.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { traceHeaders } from '../../telemetry/trace-headers.ts';
import type { DispatchRequest } from '../requests.ts';

/** Younger requests are not held against the registry: they cost it nothing, and few are overtaken. */
const checkedAfterMs = 30_000;
/** How far this host's clock may be behind the registry's before a request for a tenant that is due is dropped. */
const clockToleranceMs = 30_000;

/**
 * True when a run has reported since the request was planned and nothing is due about now. Runs are compared by the
 * registry's own times, so clocks may differ; age alone never drops a request, or a long queue would serve nobody.
 */
export async function isStaleRequest(
  request: DispatchRequest,
  { registry }: { readonly registry: Registry },
  logger: Logger,
): Promise<boolean> {
  const { tenantId, plannedUtc, lastRunUtc } = request;
  if (lastRunUtc === undefined || Date.now() - Date.parse(plannedUtc) < checkedAfterMs) return false;
  try {
    const schedule = (await registry.get(tenantId))?.schedule;
    if (schedule?.lastRunUtc == null) return false;
    const hasRunSince = lastRunUtc === null || schedule.lastRunUtc.getTime() > Date.parse(lastRunUtc);
    const { nextDueUtc } = schedule;
    const isDue = nextDueUtc !== null && nextDueUtc.getTime() <= Date.now() + clockToleranceMs;
    return hasRunSince && !isDue;
  } catch (error) {
    logger.warn('Whether the request is stale could not be asked; it is served.', {
      error: describeError(error),
    });
    return false;
  }
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
  // One read for each time budget spent. Without an answer the request is one that is never overtaken.
  const tenant = await registry.get(tenantId).catch(() => null);
  if (tenant === null) return request;
  return { ...request, lastRunUtc: tenant.schedule.lastRunUtc?.toISOString() ?? null };
}
