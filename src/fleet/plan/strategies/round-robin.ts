import type { Strategy } from '../strategy.ts';
import { longestDue } from './rank.ts';

/**
 * In turn: the longest due first. Whoever is chosen goes to the end of the line, so a tenant that stays due is chosen
 * within ⌈due tenants ÷ capacity⌉ plans.
 */
export function roundRobin(): Strategy {
  return {
    name: 'round-robin',
    order: 'longest-due',
    choose: (candidates, capacity) => longestDue(candidates).slice(0, capacity),
  };
}
