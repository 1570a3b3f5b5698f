import type { CandidateOrder, PlanCandidate } from '../../engine/registry.ts';

/**
 * Orders the due tenants and cuts them to the capacity (F4). A pure function of the candidates' schedule data and the
 * plan's number: no clock, no I/O, no memory between plans, so that any planner may run any tick.
 */
export interface Strategy {
  readonly name: string;
  /**
   * For a strategy that needs no more than the first `capacity` due tenants in this order and the `capacity` longest
   * due: a plan reads only those. Absent: it reads up to 10,000, the longest due first.
   */
  readonly order?: CandidateOrder;
  /** @param turn the plan's number: rises by one from plan to plan as long as anybody is due */
  choose(candidates: readonly PlanCandidate[], capacity: number, turn: number): readonly PlanCandidate[];
}
