import type { RunCounts, RunOutcome } from '../engine/registry.ts';
import type { QueueReport } from '../queue/report.ts';

/** Why a tenant is served. */
export type DispatchReason = 'due' | 'wake' | 'backlog' | 'manual';

/** The plan's message for one tenant: serve it. Plain JSON, so that it can travel through any queue. */
export interface DispatchRequest {
  readonly version: 1;
  readonly tenantId: string;
  readonly reason: DispatchReason;
  /** When it was planned, ISO 8601. */
  readonly plannedUtc: string;
  /** Streaks before this run, for the schedule that follows it; 0 when absent. */
  readonly idleStreak?: number;
  readonly failureStreak?: number;
  /**
   * The tenant's last run that was known when this was planned, ISO 8601, by the registry's clock; null: none. When
   * the registry knows of a later run, this request is stale. Absent: never stale.
   */
  readonly lastRunUtc?: string | null;
  /** W3C trace context of what asked for the run; its trace links there. */
  readonly traceparent?: string;
}

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

/** The report of one dispatch run (D7). */
export interface RunReport {
  readonly runId: string;
  readonly tenantId: string;
  readonly reason: DispatchReason;
  /**
   * `dispatched`: messages were claimed. `idle`: none were due. `skipped`: the lease is held by somebody else, or
   * the tenant is not active. `resuming`: the database is waking up. `failed`: see `error`.
   */
  readonly outcome: RunOutcome;
  /** Why a run was skipped. `stale`: a run that reported since the request was planned has done its work. */
  readonly skipped?: 'held' | 'not-active' | 'stale';
  readonly queues: readonly QueueReport[];
  readonly counts: RunCounts;
  readonly parkedTopics: readonly string[];
  readonly more: boolean;
  readonly nextDueInMs: number | null;
  readonly durationMs: number;
  readonly roundTrips: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** With `continues`: the request that serves the backlog left, for the caller to send. */
  readonly continuation?: DispatchRequest;
}

/** One plan and every run that it asked for. */
export interface TickReport {
  readonly plan: PlanReport;
  readonly runs: readonly RunReport[];
}
