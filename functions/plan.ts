/** Timer trigger: chooses the due tenants and sends one dispatch request for each; a large plan goes out in pages (F3). */
import { app, type InvocationContext, type Timer } from '@azure/functions';
import { requestPages } from '../src/index.ts';
import { type CurrentApp, planSchedule } from './app.ts';
import { toDispatch, toPages } from './queues.ts';

/**
 * A plan of more tenants than this is sent in pages of this size. The host sends the outputs of an invocation one by
 * one, so with pages several instances share that work. A smaller plan skips the pages, because one more queue would
 * delay it.
 */
const pageSize = 200;

export function registerPlan(currentApp: CurrentApp, terminating: AbortSignal): void {
  app.timer('plan', {
    schedule: planSchedule(currentApp),
    extraOutputs: [toDispatch, toPages],
    handler: plan,
  });

  async function plan(timer: Timer, context: InvocationContext): Promise<void> {
    if (timer.isPastDue) context.warn('The timer is past due: a plan was missed or is late.');
    // The instance is about to end and could not send its requests any more.
    if (terminating.aborted) return;
    const { multiOutbox } = currentApp();
    const { requests } = await multiOutbox.plan();
    if (requests.length <= pageSize) context.extraOutputs.set(toDispatch, requests);
    else context.extraOutputs.set(toPages, requestPages(requests, pageSize));
  }
}
