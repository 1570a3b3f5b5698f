import type { Lease } from '../../lease/lease.ts';
import type { LeaseOptions, Leases, UnderLease } from '../../lease/leases.ts';
import { inParallel } from '../in-parallel.ts';

export interface LeaseInTenantsOptions extends LeaseOptions {
  /** Ids; all active tenants when absent. */
  readonly tenants?: readonly string[];
  /** Tenants worked on at once; 8 when absent. */
  readonly parallel?: number;
}

/** What became of one tenant: done, refused because somebody else holds the lease, or failed. */
export type TenantUnderLease<Result> = { readonly tenantId: string } & (
  | UnderLease<Result>
  /** What the work, or the tenant's database, threw. */
  | { readonly status: 'failed'; readonly error: unknown }
);

/** One name in many tenants: the work is done in each of them under its own lease. Never throws for one tenant. */
export function leaseInTenants<Result>(
  tenantIds: readonly string[],
  parallel: number,
  leasesOf: (tenantId: string) => Leases,
  name: string,
  options: LeaseOptions,
  work: (lease: Lease, tenantId: string) => Promise<Result> | Result,
): Promise<TenantUnderLease<Result>[]> {
  return inParallel(tenantIds, parallel, async (tenantId) => {
    try {
      const outcome = await leasesOf(tenantId).withLease(name, options, (lease) => work(lease, tenantId));
      return { tenantId, ...outcome };
    } catch (error) {
      return { tenantId, status: 'failed', error };
    }
  });
}
