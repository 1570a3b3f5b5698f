import type { Strategy } from '../strategy.ts';
import { type Fairness, withFairSlots } from './fair-slots.ts';

/**
 * Round-robin in which time passes faster for heavier tenants: the longest time since a tenant was planned, times its
 * weight, comes first. Among tenants that stay due, one of weight 3 is thus chosen three times as often as one of
 * weight 1, but for the fair slots. A tenant that stays due is chosen within `fairEvery` × ⌈due tenants ÷ capacity⌉ plans, however small its
 * weight.
 */
export function weighted({ fairEvery }: Fairness): Strategy {
  return withFairSlots('weighted', {
    order: 'weight',
    rank: ({ tenant, sincePlannedMs }) => -tenant.weight * (sincePlannedMs ?? Number.POSITIVE_INFINITY),
    fairEvery,
  });
}
