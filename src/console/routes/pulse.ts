import type { FleetSummary } from '../../engine/fleet-summary.ts';
import { json } from '../answer.ts';
import { type Route, route } from '../route.ts';
import type { TenantRow } from '../tenants/tenant-row.ts';
import { worstOf } from '../tenants/worst.ts';

/** Ages are left out where a time says the same: an answer that does not change is not sent again. */
export interface Pulse extends Omit<FleetSummary, 'lastPlan'> {
  readonly lastPlan: { readonly utc: string; readonly due: number; readonly chosen: number } | null;
}

export interface Worst {
  readonly tenants: readonly TenantRow[];
  /** How many tenants need attention. */
  readonly troubled: number;
}

export const pulseRoutes: readonly Route[] = [
  route({
    name: 'pulse.show',
    method: 'GET',
    path: '/api/pulse',
    right: 'look',
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.fleet.get();
      const { lastPlan, ...rest } = value;
      const plan = lastPlan && {
        utc: lastPlan.utc.toISOString(),
        due: lastPlan.due,
        chosen: lastPlan.chosen,
      };
      return json({ ...rest, lastPlan: plan } satisfies Pulse, asOf);
    },
  }),
  route({
    name: 'pulse.worst',
    method: 'GET',
    path: '/api/pulse/worst',
    right: 'look',
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.tenants.get();
      return json(worstOf(value, asOf.getTime()) satisfies Worst, asOf);
    },
  }),
];
