import { type Condition, worseFirst } from '../../fleet/operations/worse-first.ts';
import { conditions } from './filter.ts';
import type { TenantRow } from './tenant-row.ts';

const shown = 12;

/** The tenants that most need attention, in the order of `status`. */
export function worstOf(
  rows: readonly TenantRow[],
  now: number,
): { readonly tenants: readonly TenantRow[]; readonly troubled: number } {
  const troubled = rows.filter(
    (row) =>
      row.status !== 'retired' &&
      (conditions.failing(row) ||
        conditions['failing-topics'](row) ||
        conditions.dead(row) ||
        conditions.parked(row) ||
        conditions.backlog(row) ||
        conditions.overdue(row, now)),
  );
  const sorted = troubled
    .map((row) => ({ row, condition: conditionOf(row) }))
    .sort((a, b) => worseFirst(a.condition, b.condition));
  return { tenants: sorted.slice(0, shown).map(({ row }) => row), troubled: troubled.length };
}

function conditionOf({ counts, oldestDueUtc, nextDueUtc, ...row }: TenantRow): Condition {
  const ms = (time: string | null) => (time === null ? null : Date.parse(time));
  return { ...row, dead: counts?.dead ?? 0, oldestDueMs: ms(oldestDueUtc), nextDueMs: ms(nextDueUtc) };
}
