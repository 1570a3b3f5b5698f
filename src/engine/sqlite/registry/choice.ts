/** SQL about the choice of a tenant, by a plan, a wake or a report (F3, F7). */
import { clockToleranceMs } from '../time.ts';

/**
 * Whether a plan or a wake has chosen the tenant, no run has reported since, and the redispatch time is not over. A choice
 * later than now was made before the clock was set back, so its redispatch time means nothing (Q16).
 */
export const isInFlight = (now: string) =>
  `(InFlight = 1 AND NextDueUtc > ${now} AND coalesce(LastPlannedUtc, 0) <= ${now} + ${clockToleranceMs})`;

/** The runs of a tenant whose last run failed are no more frequent than plans. */
export const isDeferred = "coalesce(LastOutcome, '') IN ('failed', 'resuming')";
