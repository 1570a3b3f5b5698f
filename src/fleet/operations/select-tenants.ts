import type { Registry, TenantRecord } from '../../engine/registry.ts';
import { unknownTenant } from '../tenants/tenant-errors.ts';

/** Reads the tenants with these ids, or all that are not retired. @throws UNKNOWN_TENANT */
export async function selectTenants(
  registry: Registry,
  ids: readonly string[] | undefined,
): Promise<TenantRecord[]> {
  if (ids === undefined) return (await registry.list()).filter(({ status }) => status !== 'retired');
  return Promise.all(
    ids.map(async (id) => {
      const tenant = await registry.get(id);
      if (tenant === null) throw unknownTenant(id);
      return tenant;
    }),
  );
}
