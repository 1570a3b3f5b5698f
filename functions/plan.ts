/** Timer and HTTP triggers: choose the due tenants and request their runs (F3). */
import { app, type Timer } from '@azure/functions';
import { type CurrentApp, planSchedule } from './app.ts';
import { loggingStackOnce } from './failures.ts';
import { answering } from './http/problem.ts';
import { planOutputs, sendPlan } from './send-plan.ts';

export function registerPlan(currentApp: CurrentApp, terminating: AbortSignal): void {
  app.timer('plan', {
    schedule: planSchedule(currentApp),
    extraOutputs: planOutputs,
    handler: loggingStackOnce(async (_timer: Timer, context) => {
      // The instance is about to end and could not send its requests any more.
      if (!terminating.aborted) await sendPlan(currentApp().multiOutbox, context);
    }),
  });

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
