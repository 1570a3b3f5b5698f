import type { PlanCandidate } from '../engine/registry.ts';

/**
 * Orders the due tenants and cuts them to the capacity (F4). A pure function of the candidates' schedule data: no
 * clock, no I/O, no memory between plans, so that any planner may run any tick.
 */
export interface Strategy {
  readonly name: string;
  choose(candidates: readonly PlanCandidate[], capacity: number): readonly PlanCandidate[];
}
