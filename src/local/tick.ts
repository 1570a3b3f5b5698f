import { type RunReport, unservedReport } from '../fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../fleet/dispatch-request.ts';
import { inParallel } from '../fleet/in-parallel.ts';
import type { PlanReport } from '../fleet/plan/plan-report.ts';

/** One plan and every run that it asked for. */
export interface TickReport {
  readonly plan: PlanReport;
  readonly runs: readonly RunReport[];
}

export interface TickSteps {
  readonly plan: () => Promise<PlanReport>;
  readonly dispatch: (request: DispatchRequest) => Promise<RunReport>;
  readonly parallelRuns: number;
  readonly onRun: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

/**
 * One plan, then every run it asks for, at most `parallelRuns` at once. Reports stand in the plan's order; a request
 * that could not be served at all, such as one whose tenant has gone since, is a failed run and stops no other (D8).
 */
export async function tickOnce({ plan, dispatch, parallelRuns, onRun }: TickSteps): Promise<TickReport> {
  const planned = await plan();
  const runs = await inParallel(planned.requests, parallelRuns, async (request) => {
    onRun({ request });
    const report = await dispatch(request).catch((error) => unservedReport(request, error));
    onRun({ request, report });
    return report;
  });
  return { plan: planned, runs };
}
