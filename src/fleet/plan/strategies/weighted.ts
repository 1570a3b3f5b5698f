import type { Strategy } from '../strategy.ts';
import { type Fairness, usualFairness, withFairSlots } from './fair-slots.ts';

/**
 * A weighted round-robin: the tenant with the greatest product of weight and time since it was planned comes first.
 * Among tenants that stay due, one of weight 3 is therefore chosen three times as often as one of weight 1, apart
 * from the fair slots. However small its weight, a tenant that stays due is chosen within `fairEvery` × ⌈due tenants
 * ÷ capacity⌉ plans.
 */
export function weighted(fairness: Fairness = usualFairness): Strategy {
  return withFairSlots('weighted', {
    order: 'weight',
    rank: ({ tenant, sincePlannedMs }) => -tenant.weight * (sincePlannedMs ?? Number.POSITIVE_INFINITY),
    fairness,
  });
}
