import type { PlanRange } from '../../engine/plan-range.ts';
import type { BeginPlanResult, PlanCandidate, Registry, UnreadableColumns } from '../../engine/registry.ts';
import { errorText, ignoreRejection, MultiOutboxError, propertyOf } from '../../errors.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { recordDueAges } from '../../telemetry/metrics.ts';
import { publishPoint } from '../../telemetry/points.ts';
import { traceHeaders } from '../../telemetry/trace-headers.ts';
import { type DispatchReason, dispatchRequests } from '../dispatch-request.ts';
import { emptyPlan, type PlanReport } from './plan-report.ts';
import type { Strategy } from './strategy.ts';

export interface PlannerOptions {
  readonly registry: Registry;
  readonly strategy: Strategy;
  readonly owner: string;
  readonly plan: Pick<Settings['plan'], 'intervalMs'>;
  /** Duration of a queue lease; the plan lease lasts no longer. */
  readonly leaseMs: number;
  readonly redispatchMs: number;
  /** No tenant may be due later than this from now, in milliseconds (F6). */
  readonly lookWithinMs: number;
  readonly logger: Logger;
  /** Called with every tenant that the plan reads, so that the tenant's run need not read it again. */
  readonly onTenant: (tenant: PlanCandidate['tenant']) => void;
  /** Default: all tenants. */
  readonly range?: PlanRange | undefined;
  /** Called by the fleet's first plan of each minute. */
  readonly onNewMinute?: () => void;
}

/**
 * After a planner has crashed, no tenant of its range is planned for this long; a plan takes milliseconds.
 */
const longestPlanLeaseMs = 30_000;

/**
 * A strategy without an order gets at most this many due tenants, the longest due first. The registry sends a row for
 * each of them, and a plan chooses fewer tenants than this.
 */
const mostCandidates = 10_000;

/**
 * One plan (F3): takes the plan lease, reads the due tenants, lets the strategy choose, commits the choice and
 * returns one dispatch request for each tenant that it got. It makes two calls to the registry, or one when no tenant
 * is due.
 */
export async function makePlan(options: PlannerOptions, capacity: number): Promise<PlanReport> {
  const { registry, strategy, owner, plan, redispatchMs, logger, range } = options;
  const begun = await registry.beginPlan({
    owner,
    leaseMs: Math.min(options.leaseMs, longestPlanLeaseMs),
    limit: strategy.order ? capacity : mostCandidates,
    lookWithinMs: options.lookWithinMs,
    ...(strategy.order && { order: strategy.order }),
    ...(range && { range }),
  });
  publishPoint('plan:begun', null);
  if (begun.status === 'leased-elsewhere') {
    logger.debug('Another planner has the plan lease; this plan is skipped.', {
      owner: begun.owner,
      expiresInMs: begun.expiresInMs,
    });
    return { ...emptyPlan, status: 'leased-elsewhere' };
  }
  const { sinceMs, unfinished, isFirstOfMinute } = begun.previous;
  if (isFirstOfMinute) options.onNewMinute?.();
  const late = sinceMs !== null && sinceMs > 2 * plan.intervalMs;
  if (unfinished)
    logger.warn('The previous plan did not finish; its tenants are planned again.', { sinceMs });
  const previous = { sinceLastPlanMs: sinceMs, late, unfinished };
  recordDueAges(begun.status === 'idle' ? [] : begun.candidates);
  if (begun.status === 'idle') {
    return { ...emptyPlan, ...previous, oldestDueMs: 0, nextDueInMs: begun.nextDueInMs };
  }
  const { candidates, lease, due } = begun;
  for (const { tenant } of candidates) {
    options.onTenant(tenant);
    if (tenant.unreadable !== undefined) noteUnreadable(tenant.id, tenant.unreadable, logger);
  }
  const chosen = await choice(options, begun, capacity);
  const won = new Set(
    await registry.commitPlan({
      lease,
      redispatchMs,
      ...(range && { range }),
      choices: chosen.map(({ tenant, planVersion }) => ({ tenantId: tenant.id, planVersion })),
    }),
  );
  publishPoint('plan:committed', null);
  const requests = dispatchRequests(
    chosen
      .filter(({ tenant }) => won.has(tenant.id))
      .map((candidate) => ({ tenant: candidate.tenant, reason: reasonOf(candidate) })),
    traceHeaders().traceparent,
  );
  return {
    ...previous,
    status: 'planned',
    requests,
    due,
    oldestDueMs: candidates[0]?.overdueMs ?? 0,
    conflicts: chosen.length - requests.length,
    more: chosen.length < due,
    nextDueInMs: null,
  };
}

/** Such a tenant is planned like the others: its run reports the trouble, or the next report overwrites it. */
function noteUnreadable(tenantId: string, { definition, schedule }: UnreadableColumns, logger: Logger): void {
  logger.warn("Columns of a tenant's row in the registry cannot be read.", {
    tenantId,
    columns: [...definition, ...schedule],
  });
}

/**
 * Calls the strategy, which may be a user's. Whatever the strategy returns, and even if it changes the list that it
 * gets, this function chooses each tenant at most once and stays within the capacity. If the strategy throws, this
 * function releases the plan lease before it rethrows the error.
 */
async function choice(
  { registry, strategy, redispatchMs, range }: PlannerOptions,
  { lease, candidates }: Extract<BeginPlanResult, { status: 'due' }>,
  capacity: number,
): Promise<PlanCandidate[]> {
  const known = new Set(candidates);
  const chosen = new Set<PlanCandidate>();
  try {
    const choices = strategy.choose([...candidates], capacity, lease.fence);
    // An async strategy is refused by the loop below, which cannot read a promise.
    ignoreRejection(choices);
    // The list may be a generator that never ends.
    const most = 2 * Math.max(capacity, mostCandidates);
    let read = 0;
    for (const candidate of choices) {
      if (chosen.size >= capacity || ++read > most) break;
      if (known.has(candidate)) chosen.add(candidate);
    }
  } catch (error) {
    await registry.commitPlan({ lease, redispatchMs, choices: [], ...(range && { range }) }).catch(() => {});
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `The strategy '${propertyOf(strategy, 'name')}' threw an error, so no tenant was planned: ${errorText(error)}. Correct the strategy.`,
      { cause: error },
    );
  }
  return [...chosen];
}

function reasonOf({ tenant, woken }: PlanCandidate): DispatchReason {
  if (woken) return 'wake';
  return tenant.schedule.backlog ? 'backlog' : 'due';
}
