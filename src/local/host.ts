import { errorText } from '../errors.ts';
import type { RunReport } from '../fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../fleet/dispatch-request.ts';
import type { PlanReport } from '../fleet/plan/plan-report.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface LocalHostOptions {
  readonly plan: (options: { readonly capacity: number }) => Promise<PlanReport>;
  readonly dispatch: (
    request: DispatchRequest,
    options: { readonly signal: AbortSignal },
  ) => Promise<RunReport>;
  readonly intervalMs: number;
  readonly parallelRuns: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly onPlan: (plan: PlanReport) => void;
  readonly onRun: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

const maxPlanPauseMs = 30_000;

/**
 * The continuous host in one process: plans on an interval, as many tenants as it has free places for, and at once
 * when a place becomes free while tenants wait. A slow tenant keeps its place and nothing else (D8).
 *
 * Resolves when the signal has fired and every run has ended (D5).
 */
export async function runLocalHost(options: LocalHostOptions): Promise<void> {
  const { signal, intervalMs, parallelRuns, logger } = options;
  const serving = new Map<string, Promise<void>>();
  let waiting = true;
  let failures = 0;
  let wakeUp: () => void = () => {};

  async function serve(request: DispatchRequest): Promise<void> {
    try {
      options.onRun({ request });
      const report = await options.dispatch(request, { signal });
      if (report.more) waiting = true;
      options.onRun({ request, report });
    } catch (error) {
      logger.error('A dispatch request could not be served; its tenant is planned again later.', {
        tenantId: request.tenantId,
        error: errorText(error),
      });
    } finally {
      serving.delete(request.tenantId);
      if (waiting) wakeUp();
    }
  }

  /** Returns how many runs it started: none when every place is taken. */
  async function planOnce(): Promise<number> {
    const free = parallelRuns - serving.size;
    if (free <= 0) return 0;
    const before = serving.size;
    waiting = false;
    try {
      const plan = await options.plan({ capacity: free });
      failures = 0;
      // A run that ended meanwhile may have left backlog.
      waiting ||= plan.more;
      options.onPlan(plan);
      for (const request of plan.requests) {
        // A run that outlasts the redispatch time is planned again while it is served here: it goes on by itself.
        if (!serving.has(request.tenantId)) {
          // Begun a moment later: what ends at once must not leave its place before it has it.
          serving.set(request.tenantId, Promise.resolve(request).then(serve));
        }
      }
      return serving.size - before;
    } catch (error) {
      failures++;
      logger.error('The plan failed; trying again.', { error: errorText(error) });
      return 0;
    }
  }

  function pause(): Promise<void> {
    const ms = failures === 0 ? intervalMs : Math.min(maxPlanPauseMs, intervalMs * 2 ** failures);
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
      wakeUp = done;
    });
  }

  while (!signal.aborted) {
    const started = await planOnce();
    if (signal.aborted) break;
    if (waiting && started > 0) continue;
    await pause();
  }
  await Promise.all(serving.values());
}
