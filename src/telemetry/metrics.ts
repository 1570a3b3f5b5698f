/**
 * Metrics through the OpenTelemetry API. Unless the host registers an SDK, they cost almost nothing. Each recording
 * looks the meter up, so that an SDK registered later is used.
 */
import { createNoopMeter, type Meter, metrics } from '@opentelemetry/api';
import { bucketBoundsMs } from '../engine/histogram.ts';
import type { RunCounts } from '../engine/registry.ts';
import type { RunOutcome } from '../engine/tenant-report.ts';

/** The meter of the SDK that is registered now. */
export function meter(): Meter {
  return metrics.getMeter('multi-outbox');
}

/** Whether an SDK records the metrics; values that cost a query are fetched only then. */
export function isMeasured(): boolean {
  return meter() !== createNoopMeter();
}

/** The fields of a run's report that the metrics use. */
export interface RunFacts {
  readonly tenantId: string;
  readonly outcome: RunOutcome;
  readonly skipped?: string;
  readonly counts: RunCounts;
  readonly durationMs: number;
  readonly roundTrips: number;
  readonly more: boolean;
  readonly queues: readonly { readonly queue: string; readonly status: string; readonly stop: string }[];
}

const labelled = new Set<string>();
let mostLabelled = 0;

/** Sets how many tenants get a label of their own in this process. */
export function setTenantLabels(limit: number): void {
  mostLabelled = limit;
}

/**
 * The tenant's id, or 'other' for tenants beyond the limit: a metric may have only a bounded number of series, and
 * the number of tenants has no bound.
 */
function tenantLabel(tenantId: string): string {
  if (labelled.has(tenantId)) return tenantId;
  if (labelled.size >= mostLabelled) return 'other';
  labelled.add(tenantId);
  return tenantId;
}

/** Whether a run found nothing to do: no message was due, or the run was skipped. */
export function isIdleRun({ outcome }: Pick<RunFacts, 'outcome'>): boolean {
  return outcome === 'idle' || outcome === 'skipped';
}

/**
 * Records a run's report (D7). The idle runs of all tenants share their series, because series of its own for each
 * tenant of a quiet fleet would cost more than all other telemetry.
 * @param failureStreak the tenant's streak before the run, if it is known; an idle run that may have ended a streak is
 *   recorded with its tenant, so that an alert sees that the tenant works again
 */
export function recordRun(report: RunFacts, failureStreak: number | undefined): void {
  if (!isMeasured()) return;
  const { outcome, skipped, counts, durationMs, roundTrips, more, queues } = report;
  const isShared = isIdleRun(report) && failureStreak === 0;
  const tenant = isShared ? {} : { 'tenant.id': tenantLabel(report.tenantId) };
  const attributes = { ...tenant, outcome };
  const m = meter();
  m.createCounter('multi_outbox.runs', { description: 'Dispatch runs by outcome' }).add(1, {
    ...attributes,
    ...(skipped !== undefined && { skipped }),
  });
  m.createHistogram('multi_outbox.run.duration', {
    unit: 'ms',
    description: 'Duration of a dispatch run',
  }).record(durationMs, attributes);
  m.createCounter('multi_outbox.round_trips', { description: 'Calls to tenant databases' }).add(
    roundTrips,
    attributes,
  );
  // A counter, not a gauge: one tenant's runs are on many hosts, so the last value of one host is soon out of date.
  if (more) {
    m.createCounter('multi_outbox.backlog', { description: 'Runs that left messages that were due' }).add(
      1,
      tenant,
    );
  }
  const messages = m.createCounter('multi_outbox.messages', {
    description: 'Messages by result',
  });
  for (const [result, count] of Object.entries(counts)) {
    if (count > 0) messages.add(count, { ...tenant, result });
  }
  const leases = m.createCounter('multi_outbox.leases', {
    description:
      'Queue leases that runs asked for: acquired, leased-elsewhere (another host has it), lost before the end',
  });
  for (const { queue, status, stop } of queues) {
    const attributes = { ...tenant, queue };
    if (status !== 'failed')
      leases.add(1, { ...attributes, result: status === 'leased-elsewhere' ? status : 'acquired' });
    if (stop === 'lease-lost') leases.add(1, { ...attributes, result: 'lost' });
  }
}

/** Records how long the messages of one queue wait, and how long their handlers take. Milliseconds. */
export interface MessageTimeMetrics {
  waited(ms: number): void;
  handled(topic: string, ms: number): void;
}

/** The recorder of one run; undefined if nothing records metrics, so that messages then cost nothing. */
export function messageTimeMetrics(tenantId: string, queue: string): MessageTimeMetrics | undefined {
  if (!isMeasured()) return undefined;
  const histogram = (name: string, description: string) =>
    meter().createHistogram(name, {
      unit: 'ms',
      description,
      advice: { explicitBucketBoundaries: [...bucketBoundsMs] },
    });
  const wait = histogram(
    'multi_outbox.message.wait',
    'How long messages waited from their due times to the starts of their handlers',
  );
  const handle = histogram('multi_outbox.message.handle', 'How long handlers took, by attempt');
  const tenant = { 'tenant.id': tenantLabel(tenantId), queue };
  return {
    waited: (ms) => wait.record(ms, tenant),
    handled: (topic, ms) => handle.record(ms, { queue, topic }),
  };
}

/** The fields of a plan's report that the metrics use. */
export interface PlanFacts {
  readonly status: string;
  readonly late: boolean;
  readonly requests: readonly unknown[];
}

/** Records a plan (F3). */
export function recordPlan({ status, late, requests }: PlanFacts): void {
  const m = meter();
  m.createCounter('multi_outbox.plans', { description: 'Plans by status' }).add(1, { status, late });
  m.createCounter('multi_outbox.requests', { description: 'Dispatch requests made' }).add(requests.length);
}

/** Milliseconds. A tenant that has waited for longer is recorded with its id. */
const longWaitMs = 60_000;

/** For each due tenant that a plan has read, records the milliseconds since it became due. */
export function recordDueAges(
  due: readonly { readonly tenant: { readonly id: string }; readonly overdueMs: number }[],
): void {
  if (!isMeasured()) return;
  const ages = meter().createHistogram('multi_outbox.due_age', {
    unit: 'ms',
    description: 'How long a due tenant waited for its plan',
    advice: { explicitBucketBoundaries: [0, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000] },
  });
  for (const { tenant, overdueMs } of due)
    ages.record(overdueMs, overdueMs > longWaitMs ? { 'tenant.id': tenantLabel(tenant.id) } : {});
}

/** Records wake-ups (F7). */
export function recordWakes(tenantIds: Iterable<string>): void {
  if (!isMeasured()) return;
  const wakes = meter().createCounter('multi_outbox.wakes', { description: 'Tenants woken' });
  for (const tenantId of tenantIds) wakes.add(1, { 'tenant.id': tenantLabel(tenantId) });
}

/**
 * Records a message of a poison queue: `recovered`, `refused` (no try could succeed), or `failed` (one try; more
 * follow).
 */
export function recordPoisoned(queue: string, result: 'recovered' | 'refused' | 'failed'): void {
  meter()
    .createCounter('multi_outbox.poisoned', { description: 'Messages of poison queues by result' })
    .add(1, { queue, result });
}

/** Records the messages that an inbox received, by result (I1, I2). */
export function recordReceived(tenantId: string, results: readonly { readonly status: string }[]): void {
  if (!isMeasured()) return;
  const received = meter().createCounter('multi_outbox.received', {
    description: 'Messages received by inboxes: accepted, duplicate, conflict',
  });
  const tenant = { 'tenant.id': tenantLabel(tenantId) };
  for (const { status } of results) received.add(1, { ...tenant, status });
}

/** Records a connection that was closed because a transaction was left open on it, or may have been (F8). */
export function recordDiscardedConnection(reason: string): void {
  if (!isMeasured()) return;
  meter()
    .createCounter('multi_outbox.connections.discarded', {
      description: 'Connections closed because a transaction was, or may have been, left open on them',
    })
    .add(1, { reason });
}
