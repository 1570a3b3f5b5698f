import type { Registry, TenantChanges, TenantRecord } from '../../engine/registry.ts';

/**
 * Reads the tenants that have changed since `version`, for a reader that knows these records; all tenants if the registry
 * was restored to a time before one of them. The reader may know records that are newer than `version`, by calls of its
 * own: the registry returns them again, unless it does not have them any more.
 */
export async function readTenantChanges(
  registry: Registry,
  version: number | null,
  known: Iterable<TenantRecord>,
): Promise<TenantChanges> {
  const changes = await registry.changesSince(version);
  if (changes.isWhole || version === null) return changes;
  const present = new Map(changes.tenants.map((tenant) => [tenant.id, tenant.version]));
  const isUndone = (tenant: TenantRecord) =>
    tenant.version > version && (present.get(tenant.id) ?? 0) < tenant.version;
  if (![...known].some(isUndone)) return changes;
  return { ...(await registry.changesSince(0)), isWhole: true };
}
