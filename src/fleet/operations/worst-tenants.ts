import type { Registry, TenantRecord } from '../../engine/registry.ts';

/** The tenants that most need attention, by the registry's last reports (F6). */
export interface WorstTenants {
  /** Failing tenants first, the longest streak first; then those that have been due the longest. */
  readonly tenants: readonly TenantRecord[];
  /** How many active tenants were read. */
  readonly examined: number;
  /** False when there are more active tenants than were read. */
  readonly complete: boolean;
}

const pageSize = 1_000;

/**
 * Reads the registry's active tenants in pages and keeps the worst: failing, with a backlog, with topics without a
 * handler, or overdue.
 */
export async function worstTenants(
  registry: Registry,
  { limit, examine }: { readonly limit: number; readonly examine: number },
): Promise<WorstTenants> {
  const now = Date.now();
  let worst: TenantRecord[] = [];
  let examined = 0;
  let after: string | undefined;
  for (;;) {
    const size = Math.min(pageSize, examine - examined);
    const page = await registry.list({
      status: 'active',
      limit: size,
      ...(after !== undefined && { after }),
    });
    examined += page.length;
    worst = [...worst, ...page.filter((tenant) => isTroubled(tenant, now))].sort(worseFirst).slice(0, limit);
    after = page.at(-1)?.id;
    if (page.length < size || after === undefined) return { tenants: worst, examined, complete: true };
    if (examined >= examine) return { tenants: worst, examined, complete: false };
  }
}

function isTroubled({ schedule }: TenantRecord, now: number): boolean {
  const { failureStreak, backlog, parkedTopics, nextDueUtc } = schedule;
  const isOverdue = nextDueUtc !== null && nextDueUtc.getTime() < now;
  return failureStreak > 0 || backlog || parkedTopics.length > 0 || isOverdue;
}

function worseFirst(a: TenantRecord, b: TenantRecord): number {
  const dueAt = ({ schedule }: TenantRecord) => schedule.nextDueUtc?.getTime() ?? Number.POSITIVE_INFINITY;
  const longerDue = Math.sign(dueAt(a) - dueAt(b)) || 0;
  return b.schedule.failureStreak - a.schedule.failureStreak || longerDue || (a.id < b.id ? -1 : 1);
}
