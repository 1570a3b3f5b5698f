/**
 * The second way to a plan (F3). A platform can lose an app's timers, for instance after a deployment, while its other
 * functions go on. So a function that runs for another reason looks at the time of the last plan, and makes a late plan
 * itself. A plan lease allows one plan of its tenants at a time, whoever makes it.
 */
import type { InvocationContext } from '@azure/functions';
import { errorText } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { sendPlan } from './send-plan.ts';

/** A plan is late after this many intervals without one. */
const lateAfterIntervals = 3;

export interface LatePlan {
  /** Notes the time of a plan, ISO 8601, so that the registry need not be asked. */
  noted(plannedUtc: string): void;
  /** Makes a plan if the last one is late. It never throws, because the function has done its own work. */
  makeIfLate(context: InvocationContext): Promise<void>;
}

export function latePlan(currentApp: CurrentApp, terminating: AbortSignal): LatePlan {
  /** Unix milliseconds. While no plan is known, count from the start of this process. */
  let lastPlanAt = Date.now();
  let isLooking = false;

  async function look(context: InvocationContext, lateAfterMs: number): Promise<void> {
    const { multiOutbox } = currentApp();
    const { lastPlan } = await multiOutbox.status();
    if (lastPlan !== null && lastPlan.utc.getTime() > lastPlanAt) lastPlanAt = lastPlan.utc.getTime();
    if (Date.now() - lastPlanAt <= lateAfterMs) return;
    context.warn(
      'The last plan is late, so this function makes one; look at the timer of the function plan.',
    );
    await sendPlan(multiOutbox, context);
    lastPlanAt = Date.now();
  }

  return {
    noted(plannedUtc) {
      lastPlanAt = Math.max(lastPlanAt, Date.parse(plannedUtc));
    },
    async makeIfLate(context) {
      const lateAfterMs = lateAfterIntervals * currentApp().settings.plan.intervalMs;
      if (isLooking || terminating.aborted || Date.now() - lastPlanAt <= lateAfterMs) return;
      isLooking = true;
      try {
        await look(context, lateAfterMs);
      } catch (error) {
        // Not at once again: this may be an outage of the registry.
        lastPlanAt = Date.now();
        context.warn(`Whether the last plan is late could not be found out: ${errorText(error)}`);
      } finally {
        isLooking = false;
      }
    },
  };
}
