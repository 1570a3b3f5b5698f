/** A run's report to the registry: its counts, and when the tenant is due again (D7, F5). */
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { Reported, ReportedState, TenantReport } from '../../engine/tenant-report.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import { describeError, isMultiOutboxError } from '../../errors.ts';
import type { QueueReport } from '../../queue/report.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import { type NextSchedule, nextSchedule, type ScheduleSettings } from '../plan/schedule-policy.ts';
import { leftMs, nextDueOf, nextPurgeOf, type RunReport, timesOf } from './run-report.ts';

export interface EndedRun {
  readonly tenant: TenantRecord;
  readonly request: DispatchRequest;
  readonly report: RunReport;
}

export function scheduleAfter(
  { tenant, request, report }: EndedRun,
  settings: ScheduleSettings,
  random: () => number,
): NextSchedule {
  const held = report.queues.flatMap(({ heldBy, endedAt }) =>
    heldBy ? [leftMs(heldBy.expiresInMs, endedAt)] : [],
  );
  const { idleCeilingMs = settings.idleCeilingMs } = tenant.overrides;
  return nextSchedule(
    {
      outcome: report.outcome,
      more: report.more,
      // Calls to the registry may have taken long since the report was made.
      nextDueInMs: nextDueOf(report.queues),
      // With `never` the database should be able to pause, so the rest waits for the next run (Q12).
      purgeInMs: idleCeilingMs === 'never' ? null : nextPurgeOf(report.queues),
      heldForMs: held.length > 0 ? Math.min(...held) : null,
    },
    { idle: request.idleStreak ?? 0, failure: request.failureStreak ?? 0 },
    { ...settings, idleCeilingMs },
    random,
  );
}

/** Milliseconds since the queue's run ended. */
function ageOf({ endedAt }: QueueReport): number {
  return Math.max(0, Math.round(performance.now() - endedAt));
}

/** What a run left in a queue, by the queue's name; nothing if the run did not serve it to its end. */
function stateOf(report: QueueReport): [QueueName, ReportedState][] {
  const { queue, stored, nextDueInMs, parkedTopics } = report;
  if (stored === undefined) return [];
  const named = new Set(stored.parked.map(({ topic }) => topic.toLowerCase()));
  // Counting may have ended before it came to all topics. The run has met these, so each has at least one message.
  const others = stored.atLeast.includes('parked')
    ? parkedTopics.filter((topic) => !named.has(topic.toLowerCase()))
    : [];
  const parked = [...stored.parked, ...others.map((topic) => ({ topic, count: 1 }))];
  return [[queue, { ...stored, parked, nextDueInMs, ageMs: ageOf(report) }]];
}

/** Returns the registry's answer; null when it did not store the report. The work is done and settled either way. */
export async function reportRun(
  {
    registry,
    random,
    keepsHistory,
  }: { readonly registry: Registry; readonly random: () => number; readonly keepsHistory: boolean },
  { tenantId, runId, outcome, counts, durationMs, more, queues, wait, error }: RunReport,
  next: Pick<TenantReport, 'tenantVersion' | 'schedule' | 'continues'>,
  logger: Logger,
): Promise<Reported | null> {
  for (let tries = 1; ; tries++) {
    try {
      return await registry.report({
        tenantId,
        // The answer to an earlier try may have been lost.
        reportId: runId,
        outcome,
        counts,
        durationMs,
        backlog: more,
        queues: Object.fromEntries(queues.flatMap(stateOf)),
        failing: queues.flatMap((report) =>
          report.failingTopics.map(({ sinceMs, lastMs, ...each }) => {
            const ageMs = ageOf(report);
            return { queue: report.queue, ...each, sinceMs: sinceMs + ageMs, lastMs: lastMs + ageMs };
          }),
        ),
        succeeded: queues.flatMap(({ queue, succeededTopics }) =>
          succeededTopics.map((of) => ({ queue, ...of })),
        ),
        longestWaitMs: wait.maxMs,
        ...(keepsHistory && { times: { wait: timesOf(queues, 'wait'), handle: timesOf(queues, 'handle') } }),
        ...(error && { error }),
        ...next,
      });
    } catch (error) {
      // Without the report the tenant is planned again after the redispatch time.
      if (tries === 3 || !isMultiOutboxError(error) || !error.transient) {
        logger.error(
          'The run could not be reported to the registry; the tenant is planned again after the redispatch time.',
          {
            error: describeError(error),
          },
        );
        return null;
      }
      await new Promise((resolve) => setTimeout(resolve, 200 * tries * (0.5 + random() / 2)));
    }
  }
}
