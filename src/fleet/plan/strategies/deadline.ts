import type { Strategy } from '../strategy.ts';
import { type Fairness, usualFairness, withFairSlots } from './fair-slots.ts';

/**
 * The tenant whose SLA runs out first comes first (earliest deadline first); tenants without an SLA come last. A
 * tenant that stays due is chosen within `fairEvery` × ⌈due tenants ÷ capacity⌉ plans.
 */
export function deadline(fairness: Fairness = usualFairness): Strategy {
  return withFairSlots('deadline', {
    order: 'deadline',
    rank: ({ tenant, overdueMs }) => (tenant.slaSeconds ?? Number.POSITIVE_INFINITY) * 1_000 - overdueMs,
    fairness,
  });
}
