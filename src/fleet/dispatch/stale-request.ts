/**
 * Stale requests, whose work a later run has done. A queue may delay a request, deliver it twice, or contain two
 * requests for a tenant that was planned again. Every unnecessary run opens a database that may be asleep (F6).
 */
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DispatchRequest } from '../dispatch-request.ts';

/**
 * Milliseconds. Younger requests are not compared with the registry: few of them are stale, and the check costs a
 * read.
 */
const checkedAfterMs = 30_000;
/**
 * Milliseconds that this host's clock may be behind the registry's. If it is further behind, a request for a
 * due tenant could be dropped.
 */
const clockToleranceMs = 30_000;

/**
 * True when a run has reported since the request was planned and the tenant is due neither now nor within
 * `clockToleranceMs`. It compares runs by the registry's own times, so clocks may differ. A request is never dropped
 * for its age; otherwise a long queue would lose all its requests.
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
    if (isStale) logger.debug('The request is stale: a later run has done its work.', { plannedUtc });
    return isStale;
  } catch (error) {
    logger.warn(
      'The registry did not answer whether the request is stale, so this host handles the request.',
      {
        error: describeError(error),
      },
    );
    return false;
  }
}
