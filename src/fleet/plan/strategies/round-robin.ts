import type { Strategy } from '../strategy.ts';
import { longestDue } from './rank.ts';

/**
 * The longest due tenant comes first. A chosen tenant goes to the end of that order, so a tenant that stays due is
 * chosen within ⌈due tenants ÷ capacity⌉ plans.
 */
export function roundRobin(): Strategy {
  return {
    name: 'round-robin',
    order: 'longest-due',
    choose: (candidates, capacity) => longestDue(candidates).slice(0, capacity),
  };
}
