import type { RouteContext } from '../route.ts';
import { filterOf } from './filter.ts';
import type { TenantRow } from './tenant-row.ts';

/** All tenants that match a filter, and as of when. @throws Refusal when the filter cannot be read */
export async function matchingRows(
  { snapshots }: Pick<RouteContext, 'snapshots'>,
  q: string,
): Promise<{ readonly rows: readonly TenantRow[]; readonly asOf: Date }> {
  const holds = filterOf(q);
  const { value, asOf } = await snapshots.tenants.get();
  return { rows: value.filter((row) => holds(row, asOf.getTime())), asOf };
}
