import type { TenantRecord } from '../engine/registry.ts';

/** Why a tenant is dispatched. */
export type DispatchReason = 'due' | 'wake' | 'backlog' | 'manual';

/** The request of a plan or a wake to dispatch one tenant. It is plain JSON, so that any queue can carry it. */
export interface DispatchRequest {
  readonly version: 1;
  readonly tenantId: string;
  readonly reason: DispatchReason;
  /** The time of the choice, ISO 8601. */
  readonly plannedUtc: string;
  /** The streaks before this run, from which its report computes the next schedule; default 0. */
  readonly idleStreak?: number;
  readonly failureStreak?: number;
  /**
   * The time of the tenant's last run that the registry knew at the choice, ISO 8601, by the registry's clock; null for none. When the
   * registry has a later run, this request is stale. A request without this field is never stale.
   */
  readonly lastRunUtc?: string | null;
  /** The W3C trace context of the plan or caller that requested the run; the run's trace links to it. */
  readonly traceparent?: string;
}

/** Creates the requests for tenants that were chosen together, at this moment. */
export function dispatchRequests(
  chosen: readonly { readonly tenant: TenantRecord; readonly reason: DispatchReason }[],
  traceparent: string | undefined,
): DispatchRequest[] {
  const plannedUtc = new Date().toISOString();
  return chosen.map(({ tenant, reason }) => {
    const { idleStreak, failureStreak, lastRunUtc } = tenant.schedule;
    return {
      version: 1,
      tenantId: tenant.id,
      reason,
      plannedUtc,
      idleStreak,
      failureStreak,
      lastRunUtc: lastRunUtc?.toISOString() ?? null,
      traceparent,
    };
  });
}
