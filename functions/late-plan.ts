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
  /** By `performance.now()`. While no plan is known, count from the start of this process. */
  let lastPlanAt = performance.now();
  let isLooking = false;
  /** The last plan of the registry that was counted. While the registry's clock is behind it, it seems to be made just now. */
  let countedUtc: number | undefined;
  const sinceLastPlanMs = () => performance.now() - lastPlanAt;

  /** A plan of the future was made by a host whose clock is ahead: it counts as one of now. */
  function madeAgo(ageMs: number): void {
    const madeAt = performance.now() - Math.max(0, ageMs);
    if (madeAt > lastPlanAt) lastPlanAt = madeAt;
  }

  async function look(context: InvocationContext, lateAfterMs: number): Promise<void> {
    const { multiOutbox } = currentApp();
    const { lastPlan } = await multiOutbox.status();
    if (lastPlan !== null && lastPlan.utc.getTime() !== countedUtc) {
      countedUtc = lastPlan.utc.getTime();
      madeAgo(lastPlan.ageMs);
    }
    if (sinceLastPlanMs() <= lateAfterMs) return;
    context.warn(
      'The last plan is late, so this function makes one; look at the timer of the function plan.',
    );
    await sendPlan(multiOutbox, context);
    madeAgo(0);
  }

  return {
    noted(plannedUtc) {
      madeAgo(Date.now() - Date.parse(plannedUtc));
    },
    async makeIfLate(context) {
      const lateAfterMs = lateAfterIntervals * currentApp().settings.plan.intervalMs;
      if (isLooking || terminating.aborted || sinceLastPlanMs() <= lateAfterMs) return;
      isLooking = true;
      try {
        await look(context, lateAfterMs);
      } catch (error) {
        // Not at once again: this may be an outage of the registry.
        madeAgo(0);
        context.warn(`Whether the last plan is late could not be found out: ${errorText(error)}`);
      } finally {
        isLooking = false;
      }
    },
  };
}
