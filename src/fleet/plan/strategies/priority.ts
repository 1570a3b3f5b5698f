import type { Strategy } from '../strategy.ts';
import { type Fairness, usualFairness, withFairSlots } from './fair-slots.ts';

/**
 * A higher priority comes first. However low its priority, a tenant that stays due is chosen within `fairEvery` ×
 * ⌈due tenants ÷ capacity⌉ plans.
 */
export function priority(fairness: Fairness = usualFairness): Strategy {
  return withFairSlots('priority', {
    order: 'priority',
    rank: ({ tenant }) => -tenant.priority,
    fairness,
  });
}
