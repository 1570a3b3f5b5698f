/** The tenants that `status` shows: those with the worst troubles first. */
import type { TenantRecord } from '../engine/registry.ts';
import type { TenantStatus } from '../engine/tenant-status.ts';
import { deadNow, worstOf } from '../fleet/operations/worse-first.ts';
import type { MultiOutbox } from '../multi-outbox.ts';

export interface TenantQuery {
  tenant?: string[];
  status?: TenantStatus;
  failing?: true;
  backlog?: true;
  parked?: true;
  dead?: true;
  limit: number;
  all?: true;
}

const pageSize = 500;

/**
 * Reads the registry in pages, and keeps no more than the tenants that are shown, so that memory does not grow with the
 * fleet. Named tenants keep the order in which they were named.
 */
export async function findTenants(
  { tenants: fleet }: MultiOutbox,
  options: TenantQuery,
): Promise<{ tenants: TenantRecord[]; matching: number }> {
  const { status } = options;
  if (options.tenant !== undefined) {
    const named = await Promise.all(options.tenant.map((id) => fleet.get(id)));
    const tenants = named.filter((tenant) => matches(tenant, options));
    return { tenants, matching: tenants.length };
  }
  const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
  let worst: TenantRecord[] = [];
  let matching = 0;
  let after: string | undefined;
  for (;;) {
    const page = await fleet.list({
      limit: pageSize,
      ...(status !== undefined && { status }),
      ...(after !== undefined && { after }),
    });
    const found = page.filter((tenant) => matches(tenant, options));
    matching += found.length;
    worst = worstOf(worst, found, limit);
    if (page.length < pageSize) return { tenants: worst, matching };
    after = page.at(-1)!.id;
  }
}

function matches(tenant: TenantRecord, { status, failing, backlog, parked, dead }: TenantQuery): boolean {
  const { schedule } = tenant;
  return (
    (status === undefined || tenant.status === status) &&
    (!failing || schedule.failureStreak > 0 || schedule.failingTopics.length > 0) &&
    (!backlog || schedule.backlog) &&
    (!parked || schedule.parkedTopics.length > 0) &&
    (!dead || deadNow(schedule) > 0)
  );
}
