import { conditions } from './filter.ts';
import type { TenantRow } from './tenant-row.ts';

const shown = 12;

/** The tenants that most need attention: the longest streak first, then failing topics, dead messages and waiting ones. */
export function worstOf(
  rows: readonly TenantRow[],
  now: number,
): { readonly tenants: readonly TenantRow[]; readonly troubled: number } {
  const troubled = rows.filter(
    (row) =>
      row.status !== 'retired' &&
      (conditions.failing(row) ||
        conditions.dead(row) ||
        conditions.parked(row) ||
        conditions.backlog(row) ||
        conditions.overdue(row, now)),
  );
  const sorted = troubled
    .map((row) => ({ row, rank: ranks(row, now) }))
    .sort((a, b) => {
      const at = a.rank.findIndex((value, index) => value !== b.rank[index]);
      return at === -1 ? (a.row.id < b.row.id ? -1 : 1) : b.rank[at]! - a.rank[at]!;
    });
  return { tenants: sorted.slice(0, shown).map(({ row }) => row), troubled: troubled.length };
}

function ranks(row: TenantRow, now: number): number[] {
  const waitsMs = row.oldestDueUtc === null ? 0 : now - Date.parse(row.oldestDueUtc);
  return [row.failureStreak, row.failingTopics, row.counts?.dead ?? 0, row.parkedTopics, waitsMs];
}
