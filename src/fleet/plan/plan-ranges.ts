/** Several planners share the tenants (F3): each range of them has a plan lease, so that as many hosts can plan at once. */
import { type PlanRange, rangeOf } from '../../engine/plan-range.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { emptyPlan, type PlanReport } from './plan-report.ts';

export interface PlanRangesOptions {
  /** How many ranges there are, at least 2. */
  readonly planners: number;
  /** Hosts begin with different ranges. */
  readonly owner: string;
  readonly logger: Logger;
}

/**
 * Plans every range, one after another, so that one host plans all of them. A range that another host is planning is left to
 * it. Each call begins with another range, because the first ones may use up the capacity.
 */
export class PlanRanges {
  readonly #planners: number;
  readonly #logger: Logger;
  /** From 1. */
  #first: number;
  /** The ranges that this process is planning: its owner would take the lease from itself (L2). */
  readonly #underWay = new Set<number>();

  constructor({ planners, owner, logger }: PlanRangesOptions) {
    this.#planners = planners;
    this.#logger = logger;
    this.#first = rangeOf(owner, planners);
  }

  /**
   * Each range has an equal share of the capacity that is left. What the others leave goes to those with more due tenants.
   * @param closed when it fires, the ranges that are left are not planned
   * @throws what `plan` throws, if no tenant was chosen; otherwise the requests must not be lost, and the error is logged
   */
  async plan(
    capacity: number,
    plan: (range: PlanRange, capacity: number) => Promise<PlanReport>,
    closed?: AbortSignal,
  ): Promise<PlanReport> {
    const of = this.#planners;
    const order = Array.from({ length: of }, (_, nth) => ((this.#first - 1 + nth) % of) + 1);
    this.#first = (order[0]! % of) + 1;
    const reports = new Map<number, PlanReport>();
    let left = capacity;
    /** Returns whether the next range may be planned. */
    const visit = async (range: number, share: number): Promise<boolean> => {
      if (left === 0 || closed?.aborted) {
        // Whether tenants of the other ranges are due is not known.
        this.#first = range;
        reports.set(range, after(reports.get(range), { ...emptyPlan, more: true }));
        return false;
      }
      try {
        const report = await this.#planOne({ range, of }, share, plan);
        left -= report.requests.length;
        reports.set(range, after(reports.get(range), report));
        return true;
      } catch (error) {
        this.#first = (range % of) + 1;
        if (left === capacity) throw error;
        this.#logger.error('A plan of a range of the tenants failed; the next plan tries again.', {
          range,
          of,
          error: describeError(error),
        });
        reports.set(range, after(reports.get(range), { ...emptyPlan, more: true }));
        return false;
      }
    };
    for (const [nth, range] of order.entries())
      if (!(await visit(range, Math.ceil(left / (of - nth))))) return together([...reports.values()]);
    for (const range of order) {
      if (left === 0) break;
      if (reports.get(range)!.more && !(await visit(range, left))) break;
    }
    return together([...reports.values()]);
  }

  async #planOne(
    range: PlanRange,
    capacity: number,
    plan: (range: PlanRange, capacity: number) => Promise<PlanReport>,
  ): Promise<PlanReport> {
    if (this.#underWay.has(range.range)) return { ...emptyPlan, status: 'leased-elsewhere' };
    this.#underWay.add(range.range);
    try {
      return await plan(range, capacity);
    } finally {
      this.#underWay.delete(range.range);
    }
  }
}

/** The report of a range whose plan was followed by another one in the same call. */
function after(first: PlanReport | undefined, second: PlanReport): PlanReport {
  if (first === undefined) return second;
  return {
    ...first,
    requests: [...first.requests, ...second.requests],
    conflicts: first.conflicts + second.conflicts,
    more: second.more,
  };
}

/** One report on the plans of several ranges. */
export function together(reports: readonly PlanReport[]): PlanReport {
  const statuses = new Set(reports.map(({ status }) => status));
  const largest = (name: 'oldestDueMs' | 'sinceLastPlanMs') =>
    reports.reduce<number | null>(
      (most, { [name]: value }) => (value === null ? most : Math.max(most ?? 0, value)),
      null,
    );
  const sum = (name: 'due' | 'conflicts') => reports.reduce((total, report) => total + report[name], 0);
  const knowsNext = statuses.size === 1 && statuses.has('idle') && !reports.some(({ more }) => more);
  const nextDue = knowsNext ? reports.flatMap(({ nextDueInMs }) => nextDueInMs ?? []) : [];
  return {
    status: statuses.has('planned')
      ? 'planned'
      : statuses.has('leased-elsewhere')
        ? 'leased-elsewhere'
        : 'idle',
    requests: reports.flatMap(({ requests }) => requests),
    due: sum('due'),
    oldestDueMs: largest('oldestDueMs'),
    conflicts: sum('conflicts'),
    more: reports.some(({ more }) => more),
    sinceLastPlanMs: largest('sinceLastPlanMs'),
    late: reports.some(({ late }) => late),
    unfinished: reports.some(({ unfinished }) => unfinished),
    nextDueInMs: nextDue.length === 0 ? null : Math.min(...nextDue),
  };
}
