import { type RunReport, unservedReport } from '../fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../fleet/dispatch-request.ts';
import { inParallel } from '../fleet/in-parallel.ts';
import type { PlanReport } from '../fleet/plan/plan-report.ts';

/** The reports of one plan and of every run that it requested. */
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
 * Makes one plan, then every run that it requests, at most `parallelRuns` at once. The reports have the plan's order.
 * A request for which no run could start, for example because its tenant was removed meanwhile, is reported as a
 * failed run and does not stop the others (D8).
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
