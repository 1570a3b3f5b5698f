import type { DispatchRequest } from '../dispatch-request.ts';

/** What one plan did (F3). */
export interface PlanReport {
  /** `held`: another planner has the plan lease. `idle`: nothing was due. `planned`: requests were made. */
  readonly status: 'held' | 'idle' | 'planned';
  readonly requests: DispatchRequest[];
  /** Due tenants, and of those chosen the ones that another planner or a pause took away meanwhile. */
  readonly due: number;
  readonly conflicts: number;
  /** Milliseconds for which the tenant due for longest had been due; null when nobody looked. */
  readonly oldestDueMs: number | null;
  /** Tenants stayed due for the next plan. */
  readonly more: boolean;
  /** Milliseconds since the last plan that took the lease; null at the first. */
  readonly sinceLastPlanMs: number | null;
  /** The last plan is longer ago than two intervals, or never finished. */
  readonly late: boolean;
  readonly unfinished: boolean;
  /** Milliseconds until the next tenant is due, as far as this plan knows; null when it does not. */
  readonly nextDueInMs: number | null;
}
