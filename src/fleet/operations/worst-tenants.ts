import type { Registry, TenantRecord } from '../../engine/registry.ts';
import { deadNow, worstOf } from './worse-first.ts';

/** The tenants that most need attention, by the registry's last reports (F6). */
export interface WorstTenants {
  /**
   * Failing tenants first, the longest streak first; then those with the most failing topics, dead messages, parked topics;
   * then those with a backlog, and those that have been due the longest.
   */
  readonly tenants: readonly TenantRecord[];
  /** How many active tenants were read. */
  readonly examined: number;
  /** False when there are more active tenants than were read. */
  readonly complete: boolean;
}

const pageSize = 1_000;

/**
 * Reads the registry's active tenants in pages and keeps the worst: failing, with a backlog, with dead messages, with topics
 * that fail or have no handler, or overdue.
 */
export async function worstTenants(
  registry: Registry,
  { limit, examine }: { readonly limit: number; readonly examine: number },
): Promise<WorstTenants> {
  const now = Date.now();
  let worst: TenantRecord[] = [];
  let examined = 0;
  let after = '';
  for (;;) {
    const size = Math.min(pageSize, examine - examined);
    const page = await registry.list({ status: 'active', limit: size, after });
    examined += page.length;
    const troubled = page.filter((tenant) => isTroubled(tenant, now));
    worst = worstOf(worst, troubled, limit);
    if (page.length < size) return { tenants: worst, examined, complete: true };
    if (examined >= examine) return { tenants: worst, examined, complete: false };
    after = page.at(-1)!.id;
  }
}

function isTroubled({ schedule }: TenantRecord, now: number): boolean {
  const { failureStreak, backlog, parkedTopics, failingTopics, nextDueUtc } = schedule;
  const isOverdue = nextDueUtc !== null && nextDueUtc.getTime() < now;
  const topics = parkedTopics.length + failingTopics.length;
  return failureStreak > 0 || backlog || deadNow(schedule) > 0 || topics > 0 || isOverdue;
}
