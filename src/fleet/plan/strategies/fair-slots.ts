import type { CandidateOrder } from '../../../engine/registry.ts';
import { MultiOutboxError, shownValue } from '../../../errors.ts';
import { type NamesOf, optionsOf } from '../../../options.ts';
import type { Strategy } from '../strategy.ts';
import { longestDue, type Rank, ranked } from './rank.ts';

export interface Fairness {
  /** One of this many slots goes to the tenant that has been due longest, whatever the strategy prefers. */
  readonly fairEvery: number;
}

const fairnessNames: NamesOf<Fairness> = { fairEvery: true };

/** The same as the default of the setting `plan.fairEvery`. */
export const usualFairness: Fairness = { fairEvery: 4 };

/**
 * A strategy that prefers some tenants and starves none: every `fairEvery`-th slot of the plans goes to the tenant
 * that has been due longest. A chosen tenant then has been due for the shortest time, so **a tenant that stays due is
 * chosen within `fairEvery` × ⌈due tenants ÷ capacity⌉ plans**; if the capacity changes from plan to plan, within
 * `fairEvery` × due tenants. All built-in strategies but round-robin give this guarantee.
 * @throws MultiOutboxError INVALID_ARGUMENT when `fairEvery` is not a whole number from 1
 */
export function withFairSlots(
  name: string,
  {
    order,
    rank,
    fairness,
  }: { readonly order: CandidateOrder; readonly rank: Rank; readonly fairness: Fairness },
): Strategy {
  const { fairEvery = usualFairness.fairEvery } = optionsOf(name, fairness, fairnessNames);
  if (!Number.isSafeInteger(fairEvery) || fairEvery < 1) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `${name}: 'fairEvery' must be a whole number from 1, got ${shownValue(fairEvery)}.`,
    );
  }
  return {
    name,
    order,
    choose(candidates, capacity, turn) {
      const preferred = ranked(candidates, rank);
      if (preferred.length <= capacity) return preferred;
      // The slots are numbered across plans, as if every plan had this plan's capacity.
      const fair =
        Math.floor(((turn + 1) * capacity) / fairEvery) - Math.floor((turn * capacity) / fairEvery);
      const rest = preferred.splice(capacity - fair);
      return [...preferred, ...longestDue(rest).slice(0, fair)];
    },
  };
}
