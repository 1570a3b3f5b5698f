import { durationFigures, emptyHistogram } from '../../src/engine/histogram.ts';
import type { RunReport } from '../../src/fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../../src/fleet/dispatch-request.ts';
import type { PlanReport } from '../../src/fleet/plan/plan-report.ts';
import { noCounts } from '../../src/queue/tally.ts';

const request = (tenantId: string): DispatchRequest => ({
  version: 1,
  tenantId,
  reason: 'due',
  plannedUtc: '2026-01-01T00:00:00.000Z',
});

/** The report of a plan that chose these tenants. */
export function planOf(...ids: string[]): PlanReport {
  return {
    status: 'planned',
    requests: ids.map(request),
    due: ids.length,
    oldestDueMs: 0,
    conflicts: 0,
    more: false,
    sinceLastPlanMs: null,
    late: false,
    unfinished: false,
    nextDueInMs: null,
  };
}

/** The report of a run that found nothing. */
export const reportOf = ({ tenantId, reason }: DispatchRequest): RunReport => ({
  runId: tenantId,
  tenantId,
  reason,
  outcome: 'idle',
  queues: [],
  counts: noCounts,
  parkedTopics: [],
  wait: durationFigures(emptyHistogram),
  handle: durationFigures(emptyHistogram),
  more: false,
  nextDueInMs: null,
  durationMs: 0,
  roundTrips: 1,
});
