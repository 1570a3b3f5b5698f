/**
 * Stale requests: a later run has done their work. A queue may hold a request for long, deliver it twice, or hold two for
 * one tenant once it was planned again; each run more than needed opens a database that might be asleep (F6).
 */
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DispatchRequest } from '../dispatch-request.ts';

/** Younger requests are not compared with the registry: few of them are stale, and the check costs a read. */
const checkedAfterMs = 30_000;
/** How far this host's clock may be behind the registry's before a request for a tenant that is due is dropped. */
const clockToleranceMs = 30_000;

/**
 * True when a run has reported since the request was planned and nothing is due about now. Runs are compared by the
 * registry's own times, so clocks may differ; age alone never drops a request, or a long queue would serve nobody.
 */
export async function isStaleRequest(
  request: DispatchRequest,
  registry: Registry,
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
    const isStale = hasRunSince && !isDue;
    if (isStale) logger.debug('A later run has done the work of this request.', { plannedUtc });
    return isStale;
  } catch (error) {
    logger.warn('Whether the request is stale could not be asked; it is served.', {
      error: describeError(error),
    });
    return false;
  }
}
