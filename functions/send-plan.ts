/** Makes a plan and sends its requests; a large plan goes out in pages (F3). */
import type { InvocationContext } from '@azure/functions';
import { type MultiOutbox, type PlanReport, requestPages } from '../src/index.ts';
import { send, toDispatch, toPages } from './queues.ts';

/**
 * A plan of more tenants than this is sent in pages of this size. The host sends the outputs of an invocation one by
 * one, so with pages several instances share that work. A smaller plan skips the pages, because one more queue would
 * delay it.
 */
const pageSize = 200;

/** The outputs that a function needs to send a plan. */
export const planOutputs = [toDispatch, toPages];

export async function sendPlan(multiOutbox: MultiOutbox, context: InvocationContext): Promise<PlanReport> {
  const report = await multiOutbox.plan();
  const { requests, late, sinceLastPlanMs } = report;
  if (late) context.warn(`This plan is late: the last one was ${sinceLastPlanMs} ms ago.`);
  if (requests.length <= pageSize) send(context, toDispatch, requests);
  else send(context, toPages, requestPages(requests, pageSize));
  return report;
}
