import type { RouteContext } from '../route.ts';
import { filterOf } from './filter.ts';
import type { TenantRow } from './tenant-row.ts';

/** The tenants that match a filter and have dead messages by the registry's counts, those with the most first. */
export async function withDead(
  { snapshots }: Pick<RouteContext, 'snapshots'>,
  q: string,
): Promise<readonly TenantRow[]> {
  const holds = filterOf(q);
  const { value, asOf } = await snapshots.tenants.get();
  return value
    .filter(
      (row) =>
        row.status !== 'retired' &&
        (row.counts?.dead ?? 0) > 0 &&
        !row.hasOddId &&
        holds(row, asOf.getTime()),
    )
    .sort((a, b) => b.counts!.dead - a.counts!.dead);
}
