import type { CandidateOrder } from '../../../engine/registry.ts';
import type { Strategy } from '../strategy.ts';
import { longestDue, type Rank, ranked } from './rank.ts';

export interface Fairness {
  /** Of this many slots one goes to the tenant that has been due longest, whatever the strategy prefers. */
  readonly fairEvery: number;
}

/**
 * A strategy that prefers some tenants and starves none: every `fairEvery`-th slot of the plans goes to whoever has
 * been due longest. Whoever is chosen goes to the end of that queue, so **a tenant that stays due is chosen within
 * `fairEvery` × ⌈due tenants ÷ capacity⌉ plans**; if the capacity changes from plan to plan, within `fairEvery` × due
 * tenants. That is what every built-in strategy but round-robin means by "no due tenant starves".
 */
export function withFairSlots(
  name: string,
  { order, rank, fairEvery }: Fairness & { readonly order: CandidateOrder; readonly rank: Rank },
): Strategy {
  return {
    name,
    order,
    choose(candidates, capacity, turn) {
      const preferred = ranked(candidates, rank);
      if (preferred.length <= capacity) return preferred;
      // The slots of all plans are counted through as if each had as many as this one.
      const fair =
        Math.floor(((turn + 1) * capacity) / fairEvery) - Math.floor((turn * capacity) / fairEvery);
      const rest = preferred.splice(capacity - fair);
      return [...preferred, ...longestDue(rest).slice(0, fair)];
    },
  };
}
