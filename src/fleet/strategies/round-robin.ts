import type { PlanCandidate } from '../../engine/registry.ts';
import type { Strategy } from '../strategy.ts';

/**
 * Least recently planned first; a tenant that was never planned comes before all others. Whoever is chosen goes to
 * the end, so a tenant that stays due is served within ⌈due tenants ÷ capacity⌉ plans.
 */
export function roundRobin(): Strategy {
  return {
    name: 'round-robin',
    choose: (candidates, capacity) => [...candidates].sort(byTurn).slice(0, capacity),
  };
}

function byTurn(a: PlanCandidate, b: PlanCandidate): number {
  const waitA = a.sincePlannedMs ?? Number.POSITIVE_INFINITY;
  const waitB = b.sincePlannedMs ?? Number.POSITIVE_INFINITY;
  if (waitA !== waitB) return waitB > waitA ? 1 : -1;
  if (a.overdueMs !== b.overdueMs) return b.overdueMs - a.overdueMs;
  return a.tenant.id < b.tenant.id ? -1 : 1;
}
