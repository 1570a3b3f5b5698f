import type { Lease } from '../../lease/lease.ts';
import type { LeaseOptions, Leases, UnderLease } from '../../lease/leases.ts';
import { inParallel } from '../in-parallel.ts';

export interface LeaseInTenantsOptions extends LeaseOptions {
  /** Tenant ids. Default: all active tenants. */
  readonly tenants?: readonly string[];
  /** How many tenants are worked on at once, 1 to 1,000; default 8. */
  readonly parallel?: number;
}

/** The result for one tenant: done, not started because another owner has the lease, or failed. */
export type TenantUnderLease<Result> = { readonly tenantId: string } & (
  | UnderLease<Result>
  /** `error` is what the work or the tenant's database threw. */
  | { readonly status: 'failed'; readonly error: unknown }
);

/**
 * Does the work in many tenants, in each under its own lease of the same name. One tenant's failure is in its result,
 * not thrown.
 */
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
