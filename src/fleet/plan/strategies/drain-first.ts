import type { Strategy } from '../strategy.ts';
import { type Fairness, usualFairness, withFairSlots } from './fair-slots.ts';

/**
 * Tenants whose last run left a backlog come first, the longest due among them first, so that a backlog is drained
 * before other tenants are chosen. Even so, a tenant that stays due is chosen within `fairEvery` × ⌈due tenants ÷
 * capacity⌉ plans.
 */
export function drainFirst(fairness: Fairness = usualFairness): Strategy {
  return withFairSlots('drain-first', {
    order: 'backlog',
    rank: ({ tenant }) => -Number(tenant.schedule.backlog),
    fairness,
  });
}
