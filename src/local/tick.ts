import { unservedReport } from '../fleet/dispatch/dispatcher.ts';
import type { DispatchRequest, PlanReport, RunReport, TickReport } from '../fleet/requests.ts';

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
  const runs: RunReport[] = [];
  const places = planned.requests.entries();
  const serve = async () => {
    for (const [place, request] of places) {
      onRun({ request });
      const report = await dispatch(request).catch((error) => unservedReport(request, error));
      runs[place] = report;
      onRun({ request, report });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelRuns, planned.requests.length) }, serve));
  return { plan: planned, runs };
}
