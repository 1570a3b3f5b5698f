import type { CandidateOrder, PlanCandidate } from '../../engine/registry.ts';

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
