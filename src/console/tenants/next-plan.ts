/** Whom the next plans find due, and why. */
import type { TenantRow } from './tenant-row.ts';

const shown = 100;

export interface NextTenant {
  readonly row: TenantRow;
  readonly nextDueUtc: string;
  /** Why it is due then, by its last report. A wake is not told apart. */
  readonly why: string;
}

export interface NextTenants {
  readonly due: number;
  /** Active tenants that are not due by time: their next run follows a wake. */
  readonly onWake: number;
  /** The one that has been due longest comes first. */
  readonly next: readonly NextTenant[];
}

export function nextTenants(rows: readonly TenantRow[], now: number): NextTenants {
  const active = rows.filter(({ status }) => status === 'active');
  const timed = active
    .flatMap((row) => (row.nextDueUtc === null ? [] : [{ row, nextDueUtc: row.nextDueUtc }]))
    .sort((a, b) => (a.nextDueUtc < b.nextDueUtc ? -1 : a.nextDueUtc > b.nextDueUtc ? 1 : 0));
  return {
    due: timed.filter(({ nextDueUtc }) => Date.parse(nextDueUtc) <= now).length,
    onWake: active.length - timed.length,
    next: timed.slice(0, shown).map((each) => ({ ...each, why: reasonOf(each.row) })),
  };
}

function reasonOf({ lastRunUtc, failureStreak, backlog, counts, idleStreak }: TenantRow): string {
  if (lastRunUtc === null) return 'it has never run';
  if (failureStreak > 0) return `try again after ${failureStreak} failed in a row`;
  if (backlog) return 'its last run left due messages';
  if ((counts?.ready ?? 0) > 0) return 'a message becomes due';
  if (idleStreak > 0) return `a look, after ${idleStreak} idle in a row`;
  return 'a look after its last run';
}
