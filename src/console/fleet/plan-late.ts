import type { SettingInForce } from '../../settings/in-force.ts';

/** A function app plans every few seconds to a minute, and a host that is busy or starts may miss a plan. */
const leastMs = 180_000;
const missedPlans = 3;

/** The age in milliseconds from which the last plan is late, by the interval that this host has. */
export function planLateMs(settings: readonly SettingInForce[]): number {
  const interval = settings.find(({ option }) => option === 'plan.intervalMs')?.value;
  return Math.max(leastMs, typeof interval === 'number' ? missedPlans * interval : 0);
}
