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
  examine: number;
  all?: true;
}

export interface FoundTenants {
  readonly tenants: TenantRecord[];
  /** How many of those that were read match. */
  readonly matching: number;
  /** How many were read. */
  readonly examined: number;
  /** False when the registry has more tenants than were read. */
  readonly complete: boolean;
}

/** A registry of any size is read up to here unless the operator asks for more. */
export const defaultExamined = 10_000;
const pageSize = 500;

/**
 * Reads the registry in pages, by id, up to the bound `examine` or, with `all`, to its end; and keeps no more than the
 * tenants that are shown, so that memory does not grow with the fleet. Named tenants keep the order in which they were named.
 */
export async function findTenants(
  { tenants: fleet }: MultiOutbox,
  options: TenantQuery,
): Promise<FoundTenants> {
  const { status } = options;
  if (options.tenant !== undefined) {
    const named = await Promise.all(options.tenant.map((id) => fleet.get(id)));
    const tenants = named.filter((tenant) => matches(tenant, options));
    return { tenants, matching: tenants.length, examined: named.length, complete: true };
  }
  const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
  let worst: TenantRecord[] = [];
  const examine = options.all ? Number.POSITIVE_INFINITY : options.examine;
  let matching = 0;
  let examined = 0;
  let after: string | undefined;
  for (;;) {
    // One more than the bound tells whether it left any out.
    const size = Math.min(pageSize, examine - examined + 1);
    const read = await fleet.list({
      limit: size,
      ...(status !== undefined && { status }),
      ...(after !== undefined && { after }),
    });
    const page = read.slice(0, examine - examined);
    examined += page.length;
    const found = page.filter((tenant) => matches(tenant, options));
    matching += found.length;
    worst = worstOf(worst, found, limit);
    if (read.length < size || page.length < read.length)
      return { tenants: worst, matching, examined, complete: page.length === read.length };
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
