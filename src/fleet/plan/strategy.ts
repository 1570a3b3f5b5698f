import { type CandidateOrder, candidateOrders, type PlanCandidate } from '../../engine/registry.ts';
import { MultiOutboxError, propertyOf, shownValue } from '../../errors.ts';

/**
 * Orders the due tenants and cuts them to the capacity (F4). It must be a pure function of the candidates' schedule
 * data and the plan's number: no clock, no I/O, no state between plans, so that any planner may run any tick.
 */
export interface Strategy {
  readonly name: string;
  /**
   * Set it if the strategy needs only two groups of due tenants: the first `capacity` in this order, and the `capacity`
   * that have been due the longest. A plan then reads only those. Without it a plan reads up to 10,000, the longest due
   * first.
   */
  readonly order?: CandidateOrder;
  /** @param turn the plan's number; it rises by one with each plan that finds a due tenant */
  choose(candidates: readonly PlanCandidate[], capacity: number, turn: number): readonly PlanCandidate[];
}

/**
 * Checks a strategy and reads its fields once: the object is foreign code, and a field that throws or changes later
 * would fail a plan half-way.
 * @throws MultiOutboxError INVALID_CONFIGURATION when it is not a strategy
 */
export function checkedStrategy(strategy: Strategy): Strategy {
  const name = propertyOf(strategy, 'name');
  const order = propertyOf(strategy, 'order') as CandidateOrder | undefined;
  if (typeof name !== 'string' || typeof propertyOf(strategy, 'choose') !== 'function') {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      "'strategy' must be an object with a name and a function choose, such as roundRobin().",
    );
  }
  if (order !== undefined && !candidateOrders.includes(order)) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `The order of the strategy '${name}' is ${shownValue(order)}; it must be one of ${candidateOrders.join(', ')}, or left out.`,
    );
  }
  return {
    name,
    order,
    choose: (candidates, capacity, turn) => strategy.choose(candidates, capacity, turn),
  };
}
