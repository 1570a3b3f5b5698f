import { type Attributes, metrics } from '@opentelemetry/api';
import type { RunCounts, RunOutcome } from '../engine/registry.ts';

/** What a run's report tells the metrics. */
export interface RunFacts {
  readonly tenantId: string;
  readonly outcome: RunOutcome;
  readonly counts: RunCounts;
  readonly durationMs: number;
  readonly roundTrips: number;
}

/** What a plan's report tells the metrics. */
export interface PlanFacts {
  readonly status: string;
  readonly late: boolean;
  readonly requests: readonly unknown[];
}

/**
 * Metrics through the OpenTelemetry API: without an SDK registered by the host they cost next to nothing. The meter is
 * asked for at each recording, so that an SDK registered later is used.
 */
function meter() {
  return metrics.getMeter('multi-outbox');
}

/** Records a run's report (D7). */
export function recordRun(report: RunFacts): void {
  const attributes: Attributes = { 'tenant.id': report.tenantId, outcome: report.outcome };
  const m = meter();
  m.createCounter('multi_outbox.runs', { description: 'Dispatch runs by outcome' }).add(1, attributes);
  m.createHistogram('multi_outbox.run.duration', {
    unit: 'ms',
    description: 'Duration of a dispatch run',
  }).record(report.durationMs, attributes);
  m.createCounter('multi_outbox.round_trips', { description: 'Calls to tenant databases' }).add(
    report.roundTrips,
    attributes,
  );
  const messages = m.createCounter('multi_outbox.messages', {
    description: 'Messages by what became of them',
  });
  for (const [result, count] of Object.entries(report.counts)) {
    if (count > 0) messages.add(count, { 'tenant.id': report.tenantId, result });
  }
}

/** Records a plan (F3). */
export function recordPlan(report: PlanFacts): void {
  const m = meter();
  m.createCounter('multi_outbox.plans', { description: 'Plans by status' }).add(1, {
    status: report.status,
    late: report.late,
  });
  m.createCounter('multi_outbox.requests', { description: 'Dispatch requests made' }).add(
    report.requests.length,
  );
}
