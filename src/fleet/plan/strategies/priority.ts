import type { Strategy } from '../strategy.ts';
import { type Fairness, withFairSlots } from './fair-slots.ts';

/**
 * Higher priority first. A tenant that stays due is chosen within `fairEvery` × ⌈due tenants ÷ capacity⌉ plans, however
 * low its priority.
 */
export function priority({ fairEvery }: Fairness): Strategy {
  return withFairSlots('priority', {
    order: 'priority',
    rank: ({ tenant }) => -tenant.priority,
    fairEvery,
  });
}
