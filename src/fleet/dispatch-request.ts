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
