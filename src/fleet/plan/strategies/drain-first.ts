import type { Strategy } from '../strategy.ts';
import { type Fairness, withFairSlots } from './fair-slots.ts';

/**
 * Tenants whose last run left a backlog first, the longest due among them first: who was begun is finished, before
 * others are looked at. The cap is `fairEvery`: a tenant that stays due is chosen within
 * `fairEvery` × ⌈due tenants ÷ capacity⌉ plans.
 */
export function drainFirst({ fairEvery }: Fairness): Strategy {
  return withFairSlots('drain-first', {
    order: 'backlog',
    rank: ({ tenant }) => -Number(tenant.schedule.backlog),
    fairEvery,
  });
}
