/** How many of the tenants that were given an act is for. */
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import { inParallel } from '../in-parallel.ts';
import { type TenantsActDefinition, wouldChange } from './tenant-acts.ts';

/** Of fewer tenants each is read by itself. Of more, the registry is read as a whole, a page at a time. */
const fewTenants = 100;
const atOnce = 8;
const pageSize = 1_000;

/** Counts the tenants that an act would change as they are now. @throws the registry's error */
export async function countTenants(
  registry: Pick<Registry, 'get' | 'list'>,
  act: TenantsActDefinition,
  tenantIds: readonly string[],
): Promise<number> {
  const countOf = (tenants: readonly (TenantRecord | null)[]) =>
    tenants.filter((tenant) => tenant !== null && wouldChange(act, tenant)).length;
  if (tenantIds.length <= fewTenants)
    return countOf(await inParallel(tenantIds, atOnce, (id) => registry.get(id)));
  const given = new Set(tenantIds);
  let counted = 0;
  let after: string | undefined;
  do {
    const page = await registry.list({ limit: pageSize, ...(after !== undefined && { after }) });
    counted += countOf(page.filter(({ id }) => given.has(id)));
    after = page.length < pageSize ? undefined : page.at(-1)!.id;
  } while (after !== undefined);
  return counted;
}
