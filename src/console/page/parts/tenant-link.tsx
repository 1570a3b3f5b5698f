import type { TenantRow } from '../../tenants/tenant-row.ts';
import { Link } from '../location.tsx';

/** Leads to a tenant's page, where its id can be a part of an address. */
export function TenantLink({ row: { id, hasOddId } }: { row: Pick<TenantRow, 'id' | 'hasOddId'> }) {
  return hasOddId ? (
    <span title="This is not an id of a tenant; another program has stored it">{id}</span>
  ) : (
    <Link to={`/tenants/${encodeURIComponent(id)}`} class="row">
      {id}
    </Link>
  );
}
