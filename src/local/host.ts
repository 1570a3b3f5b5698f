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
 * The continuous host in one process. It plans on an interval, for as many tenants as it has free run slots, and at
 * once when a slot becomes free while tenants wait. A slow tenant occupies only its own slot (D8).
 *
 * Resolves when the signal has fired and every run has ended (D5).
 */
export async function runLocalHost(options: LocalHostOptions): Promise<void> {
  const { signal, intervalMs, parallelRuns, logger } = options;
  const running = new Map<string, Promise<void>>();
  let waiting = true;
  let failures = 0;
  let wakeUp: () => void = () => {};

  async function start(request: DispatchRequest): Promise<void> {
    try {
      options.onRun({ request });
      const report = await options.dispatch(request, { signal });
      if (report.more) waiting = true;
      options.onRun({ request, report });
    } catch (error) {
      logger.error('A dispatch request failed; its tenant is planned again after the redispatch time.', {
        tenantId: request.tenantId,
        error: errorText(error),
      });
    } finally {
      running.delete(request.tenantId);
      if (waiting) wakeUp();
    }
  }

  /** Returns how many runs it started: 0 when no run slot is free. */
  async function planOnce(): Promise<number> {
    const free = parallelRuns - running.size;
    if (free <= 0) return 0;
    const before = running.size;
    waiting = false;
    try {
      const plan = await options.plan({ capacity: free });
      failures = 0;
      // A run that ended meanwhile may have left a backlog.
      waiting ||= plan.more;
      options.onPlan(plan);
      for (const request of plan.requests) {
        // A wake makes a running tenant due, and it is planned again; do not start a second run of it here.
        if (!running.has(request.tenantId)) {
          // Start in a later microtask: a run that ends at once must not free its slot before the slot is
          // recorded.
          running.set(request.tenantId, Promise.resolve(request).then(start));
        }
      }
      return running.size - before;
    } catch (error) {
      failures++;
      logger.error('The plan failed; this host tries again after a pause, which grows with each failure.', {
        error: errorText(error),
      });
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
  await Promise.all(running.values());
}
