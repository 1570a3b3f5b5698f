import type { MultiOutbox } from '../../multi-outbox-interface.ts';
import { type TenantRow, tenantRow } from './tenant-row.ts';

const pageSize = 1_000;
/** So that a registry of any size has a place in memory; each row takes about 0.5 kB. */
const mostRows = 200_000;

/** Reads all tenants, a page at a time, so that other requests are served between the pages. */
export async function readTenantRows({ tenants }: Pick<MultiOutbox, 'tenants'>): Promise<TenantRow[]> {
  const rows: TenantRow[] = [];
  let after = '';
  while (rows.length < mostRows) {
    const page = await tenants.list({ limit: pageSize, after });
    for (const tenant of page) rows.push(tenantRow(tenant));
    if (page.length < pageSize) break;
    after = page.at(-1)!.id;
    // An embedded registry answers without leaving the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rows;
}
