/** Timer and HTTP triggers: choose the due tenants and request their runs (F3). */
import { app, type InvocationContext, type Timer } from '@azure/functions';
import { type CurrentApp, planTimers } from './app.ts';
import { loggingStackOnce } from './failures.ts';
import { answering } from './http/problem.ts';
import { planOutputs, sendPlan } from './send-plan.ts';

export function registerPlan(currentApp: CurrentApp, terminating: AbortSignal): void {
  const { schedule, planners } = planTimers(currentApp);
  const handler = loggingStackOnce(async (_timer: Timer, context: InvocationContext) => {
    // The instance is about to end and could not send its requests any more.
    if (!terminating.aborted) await sendPlan(currentApp().multiOutbox, context);
  });
  const timer = { schedule, extraOutputs: planOutputs, handler };
  app.timer('plan', timer);
  // A timer runs on one instance at a time, so each further planner has one: plan-2, plan-3, …
  for (let nth = 2; nth <= planners; nth++) app.timer(`plan-${nth}`, timer);

  app.http('plan-now', {
    methods: ['POST'],
    authLevel: 'function',
    route: 'plan',
    extraOutputs: planOutputs,
    handler: answering(async (_request, context) => {
      const { status, due, requests, more } = await sendPlan(currentApp().multiOutbox, context);
      return { status: 200, jsonBody: { status, due, requests: requests.length, more } };
    }),
  });
}
