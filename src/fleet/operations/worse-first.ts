/** One order of tenants by how much they need attention, for `status`, health, and the console. */
import type { TenantRecord } from '../../engine/registry.ts';
import type { TenantStatus } from '../../engine/tenant-status.ts';

/** What decides it, by the last reports (F6). Times are in milliseconds since 1970. */
export interface Condition {
  readonly id: string;
  readonly status: TenantStatus;
  readonly failureStreak: number;
  readonly failingTopics: number;
  /** Messages of all queues that are Dead. */
  readonly dead: number;
  readonly parkedTopics: number;
  readonly backlog: boolean;
  /** When the oldest message that was due at the last count became due. */
  readonly oldestDueMs: number | null;
  readonly nextDueMs: number | null;
}

/** In this order; the greater value is the worse one. */
const signs: readonly ((condition: Condition) => number)[] = [
  ({ status }) => (status === 'retired' ? 0 : 1),
  // A paused tenant has no runs that could fail or succeed.
  ({ status, failureStreak }) => (status === 'active' ? failureStreak : 0),
  ({ status, failingTopics }) => (status === 'active' ? failingTopics : 0),
  ({ dead }) => dead,
  ({ parkedTopics }) => parkedTopics,
  ({ backlog }) => (backlog ? 1 : 0),
  ({ oldestDueMs }) => (oldestDueMs === null ? Number.NEGATIVE_INFINITY : -oldestDueMs),
  ({ status }) => (status === 'paused' ? 1 : 0),
  ({ nextDueMs }) => (nextDueMs === null ? Number.NEGATIVE_INFINITY : -nextDueMs),
];

/** Compares for `sort`; equally bad ones have the order of their ids. */
export function worseFirst(one: Condition, other: Condition): number {
  for (const sign of signs) {
    const [first, second] = [sign(one), sign(other)];
    if (first !== second) return first > second ? -1 : 1;
  }
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

export function conditionOf({ id, status, schedule }: TenantRecord): Condition {
  const { failureStreak, failingTopics, parkedTopics, backlog, queues, nextDueUtc } = schedule;
  const dueSince = Object.values(queues).flatMap(({ asOfUtc, oldestDueAgeMs }) =>
    oldestDueAgeMs === null ? [] : [asOfUtc.getTime() - oldestDueAgeMs],
  );
  return {
    id,
    status,
    failureStreak,
    failingTopics: failingTopics.length,
    dead: deadNow(schedule),
    parkedTopics: parkedTopics.length,
    backlog,
    oldestDueMs: dueSince.length === 0 ? null : Math.min(...dueSince),
    nextDueMs: nextDueUtc?.getTime() ?? null,
  };
}

/** Dead messages of all queues of a tenant, by the last runs that served them. */
export function deadNow({ queues }: Pick<TenantRecord['schedule'], 'queues'>): number {
  return Object.values(queues).reduce((sum, { dead }) => sum + dead, 0);
}

/** The worst so far and further tenants: the worst of both, in order, and no more than `limit`. */
export function worstOf(
  soFar: readonly TenantRecord[],
  found: readonly TenantRecord[],
  limit: number,
): TenantRecord[] {
  return [...soFar, ...found]
    .map((tenant) => ({ tenant, condition: conditionOf(tenant) }))
    .sort((one, other) => worseFirst(one.condition, other.condition))
    .slice(0, limit)
    .map(({ tenant }) => tenant);
}
