import type { FleetSummary } from '../../engine/fleet-summary.ts';

/** The last plan by its time: an age would change from read to read. */
export interface LastPlan {
  readonly utc: string;
  readonly due: number;
  readonly chosen: number;
}

export function lastPlanOf({ lastPlan }: FleetSummary): LastPlan | null {
  if (lastPlan === null) return null;
  const { utc, due, chosen } = lastPlan;
  return { utc: utc.toISOString(), due, chosen };
}
