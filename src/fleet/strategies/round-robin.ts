import type { Strategy } from '../strategy.ts';
import { ranked, sincePlanned } from './rank.ts';

/**
 * Least recently planned first; a tenant that was never planned comes before all others. Whoever is chosen goes to
 * the end, so a tenant that stays due is chosen within ⌈due tenants ÷ capacity⌉ plans.
 */
export function roundRobin(): Strategy {
  return {
    name: 'round-robin',
    order: 'least-recently-planned',
    choose: (candidates, capacity) =>
      ranked(candidates, (candidate) => -sincePlanned(candidate)).slice(0, capacity),
  };
}
