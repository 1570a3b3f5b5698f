import { AsyncLocalStorage } from 'node:async_hooks';
import { errorText } from '../errors.ts';
import { canContinue } from '../fleet/dispatch/continuation.ts';
import type { RunReport } from '../fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../fleet/dispatch-request.ts';
import type { PlanReport } from '../fleet/plan/plan-report.ts';
import type { WakeHost } from '../fleet/wake-hosts.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface LocalHostOptions {
  readonly plan: (options: { readonly capacity: number }) => Promise<PlanReport>;
  readonly dispatch: (
    request: DispatchRequest,
    options: { readonly signal: AbortSignal; readonly continues: () => boolean },
  ) => Promise<RunReport>;
  /** Offers this host to the wakes of its process; returns the function that ends the offer. */
  readonly serveWakes: (host: WakeHost) => () => void;
  readonly intervalMs: number;
  readonly parallelRuns: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly onPlan: (plan: PlanReport) => void;
  readonly onRun: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

const maxPlanPauseMs = 30_000;
/**
 * Milliseconds between plans that were made early and chose nothing, because other hosts of the fleet choose what is due:
 * the first pause, which doubles, and the longest.
 */
const firstEarlyPauseMs = 5;
const longestEarlyPauseMs = 100;
/** How often an early plan that another host's plan keeps out is made again: within about a quarter of a second. */
const mostEarlyAgain = 6;

/**
 * The continuous host in one process. It plans on an interval, for as many tenants as it has free run slots, and at
 * once when a slot becomes free while tenants wait. A wake of the same process takes a free slot at once if no tenant
 * waits; so does a tenant that was woken during its run, or left a backlog. Otherwise the strategy decides between them and
 * the others (F4, F7). A slow tenant occupies only its own slot (D8).
 *
 * Resolves when the signal has fired and every run has ended (D5).
 */
export async function runLocalHost(options: LocalHostOptions): Promise<void> {
  const { signal, intervalMs, parallelRuns, logger } = options;
  /** Runs what a wake starts as this host's work: a producer's context must reach no handler, and no trace. */
  const inHost = AsyncLocalStorage.snapshot();
  const running = new Map<string, Promise<void>>();
  /** Requests for tenants whose run here has not ended yet. They are served after it. */
  const next = new Map<string, DispatchRequest>();
  /** Slots that are kept for the answer of a plan or a wake that is under way. */
  let reserved = 0;
  /** Whether tenants may be due that no plan has chosen. The next free slot is then for a plan. */
  let waiting = true;
  /** Whether tenants became due that the plan under way may not have seen. */
  let planAgain = false;
  let failures = 0;
  /** How many early plans in a row chose nothing. */
  let fruitless = 0;
  let wakeUp: () => void = () => {};

  const free = () => Math.max(0, parallelRuns - running.size - reserved);

  /** Returns whether the tenant's run begins now. */
  function begin(request: DispatchRequest): boolean {
    const { tenantId } = request;
    if (running.has(tenantId)) {
      next.set(tenantId, request);
      return false;
    }
    // Start in a later microtask: a run that ends at once must not free its slot before the slot is recorded.
    running.set(
      tenantId,
      inHost(() => Promise.resolve(request).then(start)),
    );
    return true;
  }

  async function start(request: DispatchRequest): Promise<void> {
    const { tenantId } = request;
    let continuation: DispatchRequest | undefined;
    try {
      options.onRun({ request });
      const report = await options.dispatch(request, { signal, continues: () => !waiting });
      continuation = report.continuation;
      // It is due. A tenant that fails brings no plan forward.
      if (continuation === undefined && (report.more || (report.woken && canContinue(report)))) {
        waiting = true;
        planAgain = true;
      }
      options.onRun({ request, report });
    } catch (error) {
      logger.error('A dispatch request failed; its tenant is planned again after the redispatch time.', {
        tenantId,
        error: errorText(error),
      });
    } finally {
      running.delete(tenantId);
      const following = continuation ?? next.get(tenantId);
      next.delete(tenantId);
      // After a stop its run ends at once, and its report makes the tenant due.
      if (following) begin(following);
      if (waiting) wakeUp();
    }
  }

  /** Returns how many runs it started; null when there is no plan: no run slot is free, or the plan failed. */
  async function planOnce(): Promise<number | null> {
    const capacity = free();
    waiting = capacity === 0;
    if (waiting) return null;
    reserved += capacity;
    try {
      const plan = await options.plan({ capacity });
      failures = 0;
      // A run that ended meanwhile may have left a backlog.
      waiting ||= plan.more;
      // Another host makes a plan, but perhaps with fewer free slots than tenants that were woken.
      if (isEarly && fruitless < mostEarlyAgain && plan.status === 'leased-elsewhere')
        waiting = planAgain = true;
      options.onPlan(plan);
      return plan.requests.filter(begin).length;
    } catch (error) {
      failures++;
      logger.error('The plan failed; this host tries again after a pause, which grows with each failure.', {
        error: errorText(error),
      });
      return null;
    } finally {
      reserved -= capacity;
    }
  }

  const wakeHost: WakeHost = {
    reserve(tenants) {
      const slots = waiting || signal.aborted ? 0 : Math.min(tenants, free());
      reserved += slots;
      return slots;
    },
    serve(requests, slots) {
      reserved -= slots;
      for (const request of requests) begin(request);
      // A plan, or the end of this host, may have waited for the slots.
      if (waiting || signal.aborted) wakeUp();
    },
    planSoon() {
      waiting = true;
      planAgain = true;
      wakeUp();
    },
  };

  /** Waits until the next plan is due, or is wanted early. Returns whether it is early. */
  function pause(): Promise<boolean> {
    const ms = failures === 0 ? intervalMs : Math.min(maxPlanPauseMs, intervalMs * 2 ** failures);
    const early =
      fruitless === 0 ? 0 : Math.min(longestEarlyPauseMs, firstEarlyPauseMs * 2 ** (fruitless - 1));
    const earliestMs = failures === 0 ? Math.min(ms, early) : ms;
    const from = performance.now();
    return new Promise((resolve) => {
      let timer = setTimeout(end, ms);
      function end(isEarly = false) {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        resolve(isEarly);
      }
      const stop = () => end();
      signal.addEventListener('abort', stop);
      wakeUp = () => {
        clearTimeout(timer);
        const left = from + earliestMs - performance.now();
        if (left <= 0) end(true);
        else timer = setTimeout(end, left, true);
      };
      if (planAgain) wakeUp();
    });
  }

  const endOffer = options.serveWakes(wakeHost);
  let isEarly = false;
  while (!signal.aborted) {
    planAgain = false;
    const started = await planOnce();
    if (signal.aborted) break;
    if (started !== null) {
      fruitless = isEarly && started === 0 ? fruitless + 1 : 0;
      if (waiting && started > 0) planAgain = true;
    }
    isEarly = await pause();
  }
  endOffer();
  // A wake that is under way may still hand over a request. Its run ends at once, and reports.
  while (running.size + reserved > 0) {
    const slotsFreed = new Promise<void>((resolve) => {
      wakeUp = resolve;
    });
    await Promise.race([...running.values(), slotsFreed]);
  }
}
