/** Why a tenant is dispatched. */
export type DispatchReason = 'due' | 'wake' | 'backlog' | 'manual';

/** The plan's request to dispatch one tenant. It is plain JSON, so that any queue can carry it. */
export interface DispatchRequest {
  readonly version: 1;
  readonly tenantId: string;
  readonly reason: DispatchReason;
  /** The time of the plan, ISO 8601. */
  readonly plannedUtc: string;
  /** The streaks before this run, from which its report computes the next schedule; default 0. */
  readonly idleStreak?: number;
  readonly failureStreak?: number;
  /**
   * The time of the tenant's last run that the plan knew, ISO 8601, by the registry's clock; null for none. When the
   * registry has a later run, this request is stale. A request without this field is never stale.
   */
  readonly lastRunUtc?: string | null;
  /** The W3C trace context of the plan or caller that requested the run; the run's trace links to it. */
  readonly traceparent?: string;
}
