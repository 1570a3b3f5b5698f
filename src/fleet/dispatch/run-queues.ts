/** A dispatch run, which works on all of the tenant's work queues that have handlers, at the same time (D1). */
import type { Span } from '@opentelemetry/api';
import type { TenantRecord } from '../../engine/registry.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import type { FailureListeners } from '../../queue/failures.ts';
import type { HandlerSet } from '../../queue/handler-set.ts';
import type { QueueReport } from '../../queue/report.ts';
import { runQueue } from '../../queue/run.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { RunTrace } from '../../telemetry/spans.ts';
import type { OpenDatabases } from '../tenants/open-databases.ts';

export interface QueueRunsOptions {
  readonly databases: OpenDatabases;
  /** The handlers of each work queue that has handlers (D1). */
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
  readonly settings: Settings;
  readonly owner: string;
  readonly random: () => number;
  readonly failures: FailureListeners;
}

interface TenantRun {
  readonly tenant: TenantRecord;
  readonly runId: string;
  readonly signal: AbortSignal | undefined;
  readonly logger: Logger;
  readonly span: Span;
}

/** @throws when the tenant's database cannot be opened; a queue's own failure is in its report */
export function runQueues(
  { databases, handlers, settings, owner, random, failures }: QueueRunsOptions,
  { tenant, runId, signal, logger, span }: TenantRun,
): Promise<QueueReport[]> {
  const { dispatch, retry, retention } = settings;
  const { batchSize = dispatch.batchSize, concurrency = dispatch.concurrency } = tenant.overrides;
  return databases.use(tenant, (database, changed) =>
    Promise.all(
      [...handlers].map(([name, set]) =>
        runQueue({
          queue: database.queue(name),
          handlers: set,
          // The tenant is frozen, because every handler of the run gets it.
          tenant: Object.freeze({ id: tenant.id, tags: Object.freeze({ ...tenant.tags }) }),
          // Each run has an owner of its own: two requests for a tenant may meet in one process, and an owner may
          // take its lease from itself (L2).
          owner: `${owner}:${runId.slice(0, 8)}`,
          context: `run ${runId}`,
          dispatch: { ...dispatch, batchSize, concurrency },
          retry,
          retention,
          budgetMs: dispatch.timeBudgetMs,
          signal,
          changed,
          logger: logger.child({ queue: name }),
          random,
          logsHandlerText: settings.telemetry.handlerErrorText,
          failures,
          outbox: database.queue('outbox'),
          trace: RunTrace.of(span, tenant.id, name, settings.telemetry),
        }),
      ),
    ),
  );
}
