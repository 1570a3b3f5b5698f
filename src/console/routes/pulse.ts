import * as v from 'valibot';
import type { FleetSummary } from '../../engine/fleet-summary.ts';
import { json } from '../answer.ts';
import { fleetCharts, spanNames } from '../fleet/charts.ts';
import { type LastPlan, lastPlanOf } from '../fleet/last-plan.ts';
import { planLateMs } from '../fleet/plan-late.ts';
import { type Route, route } from '../route.ts';
import type { TenantRow } from '../tenants/tenant-row.ts';
import { type FailingTopicRow, newlyFailing } from '../tenants/topics.ts';
import { worstOf } from '../tenants/worst.ts';

/** Times instead of ages: an answer that does not change is not sent again. */
export interface Pulse
  extends Omit<FleetSummary, 'lastPlan' | 'oldestDueMs' | 'stored' | 'longestWaitAgeMs'> {
  readonly lastPlan: LastPlan | null;
  /** The age in milliseconds from which the last plan is late. */
  readonly planLateMs: number;
  /** Since when the tenant that became due first has been due. */
  readonly dueSinceUtc: string | null;
  /** When the run that had `longestWaitMs` reported. */
  readonly longestWaitUtc: string | null;
  readonly stored: Omit<FleetSummary['stored'], 'oldestDueAgeMs' | 'oldestCountMs'> & {
    readonly oldestDueUtc: string | null;
    readonly oldestCountUtc: string | null;
  };
}

export interface Worst {
  readonly tenants: readonly TenantRow[];
  /** How many tenants need attention. */
  readonly troubled: number;
  /** The topics that began to fail in the last 24 hours, the latest first; at most 5. */
  readonly newTopics: readonly FailingTopicRow[];
}

export const pulseRoutes: readonly Route[] = [
  route({
    name: 'pulse.show',
    method: 'GET',
    path: '/api/pulse',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots, settings }) {
      const { value, asOf } = await snapshots.fleet.get();
      const { oldestDueMs, longestWaitAgeMs, stored, ...rest } = value;
      const { oldestDueAgeMs, oldestCountMs, ...counts } = stored;
      // To the second, because two ages of one read may differ by milliseconds.
      const ago = (ms: number | null) =>
        ms === null ? null : new Date(Math.round((asOf.getTime() - ms) / 1_000) * 1_000).toISOString();
      const pulse: Pulse = {
        ...rest,
        lastPlan: lastPlanOf(value),
        planLateMs: planLateMs(settings()),
        dueSinceUtc: ago(oldestDueMs),
        longestWaitUtc: ago(longestWaitAgeMs),
        stored: { ...counts, oldestDueUtc: ago(oldestDueAgeMs), oldestCountUtc: ago(oldestCountMs) },
      };
      return json(pulse, asOf);
    },
  }),
  route({
    name: 'pulse.history',
    method: 'GET',
    path: '/api/pulse/history',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({ span: v.optional(v.picklist(spanNames), '1h') }),
    async handle({ multiOutbox, snapshots }, { span }) {
      const asOf = await snapshots.now();
      return json(await fleetCharts(multiOutbox, span, asOf), asOf);
    },
  }),
  route({
    name: 'pulse.worst',
    method: 'GET',
    path: '/api/pulse/worst',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.tenants.get();
      const now = asOf.getTime();
      const worst: Worst = { ...worstOf(value, now), newTopics: newlyFailing(value, now) };
      return json(worst, asOf);
    },
  }),
];
