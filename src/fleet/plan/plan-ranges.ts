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
   * What earlier ranges leave of their share of the capacity is for the later ones.
   * @throws what `plan` throws, if no tenant was chosen; otherwise the requests must not be lost, and the error is logged
   */
  async plan(
    capacity: number,
    plan: (range: PlanRange, capacity: number) => Promise<PlanReport>,
  ): Promise<PlanReport> {
    const of = this.#planners;
    const first = this.#first;
    this.#first = (first % of) + 1;
    const reports: PlanReport[] = [];
    let left = capacity;
    for (let nth = 0; nth < of; nth++) {
      const range = ((first - 1 + nth) % of) + 1;
      if (left === 0) {
        // Whether tenants of the other ranges are due is not known.
        this.#first = range;
        reports.push({ ...emptyPlan, more: true });
        break;
      }
      if (this.#underWay.has(range)) {
        reports.push({ ...emptyPlan, status: 'leased-elsewhere' });
        continue;
      }
      this.#underWay.add(range);
      try {
        const report = await plan({ range, of }, Math.ceil(left / (of - nth)));
        left -= report.requests.length;
        reports.push(report);
      } catch (error) {
        this.#first = (range % of) + 1;
        if (left === capacity) throw error;
        this.#logger.error('A plan of a range of the tenants failed; the next plan tries again.', {
          range,
          of,
          error: describeError(error),
        });
        reports.push({ ...emptyPlan, more: true });
        break;
      } finally {
        this.#underWay.delete(range);
      }
    }
    return together(reports);
  }
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
