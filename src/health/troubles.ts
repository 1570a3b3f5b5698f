/** The rules of `--fail-on`, for the command line and for `health/fleet`: which troubles the last reports show. */
import type { FleetSummary } from '../engine/fleet-summary.ts';
import type { TenantRecord } from '../engine/registry.ts';
import { deadNow } from '../fleet/operations/worse-first.ts';

export const troubles = ['dead', 'failing', 'stale'] as const;
/**
 * - `dead`: messages are Dead now
 * - `failing`: a last run failed, or a topic fails now
 * - `stale`: the last plan, or the oldest due time, is older than the bound
 */
export type Trouble = (typeof troubles)[number];

/** One sign of a trouble. */
export type Sign =
  | {
      readonly trouble: 'dead';
      readonly of: 'messages';
      readonly count: number;
      readonly isAtLeast: boolean;
      readonly tenants: number;
    }
  | { readonly trouble: 'failing'; readonly of: 'runs' | 'topics'; readonly tenants: number }
  | { readonly trouble: 'stale'; readonly of: 'plan' | 'due'; readonly ageMs: number }
  /** There are active tenants, and nobody has made a plan. */
  | { readonly trouble: 'stale'; readonly of: 'no-plan' };

/** How old the last plan, or the oldest due time, may be. */
export const defaultStaleAfterMs = 300_000;

/**
 * The signs in the whole fleet or, if tenants were named, in these.
 * @param staleAfterMs the bound of `stale`
 */
export function signsOf(
  fleet: FleetSummary,
  staleAfterMs: number,
  named?: readonly TenantRecord[],
): readonly Sign[] {
  const found = named === undefined ? inFleet(fleet) : inTenants(named);
  const { dead, isDeadAtLeast, withDead, failing, withFailingTopics, oldestDueMs } = found;
  const hasActive = fleet.tenants.active > 0;
  const planMs = fleet.lastPlan?.ageMs ?? 0;
  return [
    ...list(dead > 0, {
      trouble: 'dead',
      of: 'messages',
      count: dead,
      isAtLeast: isDeadAtLeast,
      tenants: withDead,
    }),
    ...list(failing > 0, { trouble: 'failing', of: 'runs', tenants: failing }),
    ...list(withFailingTopics > 0, { trouble: 'failing', of: 'topics', tenants: withFailingTopics }),
    ...list(hasActive && planMs > staleAfterMs, { trouble: 'stale', of: 'plan', ageMs: planMs }),
    ...list((oldestDueMs ?? 0) > staleAfterMs, { trouble: 'stale', of: 'due', ageMs: oldestDueMs ?? 0 }),
    ...list(hasActive && fleet.lastPlan === null, { trouble: 'stale', of: 'no-plan' }),
  ];
}

const list = (isFound: boolean, sign: Sign): Sign[] => (isFound ? [sign] : []);

type Found = { readonly dead: number; readonly isDeadAtLeast: boolean } & Pick<
  FleetSummary,
  'withDead' | 'failing' | 'withFailingTopics' | 'oldestDueMs'
>;

const inFleet = (fleet: FleetSummary): Found => ({
  ...fleet,
  dead: fleet.stored.dead,
  isDeadAtLeast: fleet.stored.atLeast.includes('dead'),
});

function inTenants(tenants: readonly TenantRecord[]): Found {
  const living = tenants.filter(({ status }) => status !== 'retired');
  const active = tenants.filter(({ status }) => status === 'active');
  const dead = living.map(({ schedule }) => deadNow(schedule)).filter((count) => count > 0);
  // By the clock of this machine, because a tenant's record has no age.
  const due = active.flatMap(({ schedule }) => schedule.nextDueUtc ?? []);
  return {
    dead: dead.reduce((sum, count) => sum + count, 0),
    isDeadAtLeast: living.some(({ schedule }) =>
      Object.values(schedule.queues).some((state) => state.atLeast.includes('dead')),
    ),
    withDead: dead.length,
    failing: active.filter(({ schedule }) => schedule.failureStreak > 0).length,
    withFailingTopics: active.filter(({ schedule }) => schedule.failingTopics.length > 0).length,
    oldestDueMs: due.length === 0 ? null : Date.now() - Math.min(...due.map(Number)),
  };
}

/** Reads the names of troubles, separated by commas; null if one is unknown. */
export function parseTroubles(text: string): readonly Trouble[] | null {
  if (typeof text !== 'string') return null;
  const names = text.split(',').map((name) => name.trim());
  return names.every((name) => (troubles as readonly string[]).includes(name)) ? (names as Trouble[]) : null;
}
