/** Changes to a tenant that keep what others change at the same time. */
import type { TenantRecord } from '../../engine/registry.ts';
import { isMultiOutboxError } from '../../errors.ts';
import type { TenantInput } from './definition.ts';

interface ReadAndChange {
  get(tenantId: string): Promise<TenantRecord>;
  change(tenant: TenantInput, options: { readonly expectedVersion: number }): Promise<TenantRecord>;
}

/** Changes of the same tenant at once are rare, so several in a row mean that a program keeps changing it. */
const mostReads = 5;

/**
 * Replaces the definition of a tenant that was read by that of `changeOf`; if another operator has changed it since, reads it
 * again. Null when `changeOf` wants no change.
 * @throws MultiOutboxError as `tenants.get` and `tenants.change`
 */
export async function changeAsRead<Wanted extends TenantInput | null>(
  tenants: ReadAndChange,
  read: TenantRecord,
  changeOf: (tenant: TenantRecord) => Wanted,
): Promise<TenantRecord | Extract<Wanted, null>> {
  let tenant = read;
  for (let reads = 1; ; reads++) {
    const wanted = changeOf(tenant);
    if (wanted === null) return null as Extract<Wanted, null>;
    try {
      return await tenants.change(wanted, { expectedVersion: tenant.version });
    } catch (error) {
      if (reads === mostReads || !isMultiOutboxError(error, 'TENANT_CHANGED')) throw error;
      tenant = await tenants.get(tenant.id);
    }
  }
}
