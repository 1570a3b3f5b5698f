import type { DispatchRequest } from '../dispatch-request.ts';

/** The result of one plan (F3); with several planners, of the plans of all ranges together. */
export interface PlanReport {
  /**
   * `planned`: the plan made requests. `leased-elsewhere`: another planner has the plan lease, or that of a range. `idle`: no
   * tenant was due.
   */
  readonly status: 'leased-elsewhere' | 'idle' | 'planned';
  readonly requests: DispatchRequest[];
  /** How many tenants were due. */
  readonly due: number;
  /** How many of the chosen tenants another planner chose, or an operator paused, in the meantime. */
  readonly conflicts: number;
  /** Milliseconds for which the longest-due tenant had been due; null when this plan did not read the tenants. */
  readonly oldestDueMs: number | null;
  /** Whether due tenants are left for the next plan. */
  readonly more: boolean;
  /** Milliseconds since the last plan that took the lease; null for the first plan. */
  readonly sinceLastPlanMs: number | null;
  /** Whether the last plan was more than two intervals ago. */
  readonly late: boolean;
  /** Whether the last plan never committed. */
  readonly unfinished: boolean;
  /** Milliseconds until the next tenant is due; null when this plan does not know. */
  readonly nextDueInMs: number | null;
}

export const emptyPlan: PlanReport = {
  status: 'idle',
  requests: [],
  due: 0,
  oldestDueMs: null,
  conflicts: 0,
  more: false,
  sinceLastPlanMs: null,
  late: false,
  unfinished: false,
  nextDueInMs: null,
};

/** Whether a plan requested only routine looks, or nothing, and nothing was wrong with the plan before it. */
export function isRoutine({ requests, late, unfinished }: PlanReport): boolean {
  return !late && !unfinished && requests.every(({ reason }) => reason === 'due');
}
