/** Queue trigger: carries out one dispatch run per request (D1), and requests the next run while backlog is left, or after a wake. */
import { app, type InvocationContext } from '@azure/functions';
import { isMultiOutboxError, parseDispatchRequest, poisonedRequest } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { loggingStackOnce } from './failures.ts';
import type { LatePlan } from './late-plan.ts';
import { connection, queueNames, send, toDispatch, toPoison } from './queues.ts';
import { planOutputs } from './send-plan.ts';
import { whileRunsAreInFlight } from './stray-errors.ts';

export function registerDispatch(currentApp: CurrentApp, terminating: AbortSignal, latePlan: LatePlan): void {
  app.storageQueue('dispatch', {
    queueName: queueNames.dispatch,
    connection,
    extraOutputs: [...planOutputs, toPoison],
    handler: loggingStackOnce(dispatch),
  });

  /**
   * A tenant's failure goes into its report (D8). So an error thrown here comes from the registry or the app, and the
   * host retries the request.
   */
  async function dispatch(message: unknown, context: InvocationContext): Promise<void> {
    const { multiOutbox, settings } = currentApp();
    try {
      const request = parseDispatchRequest(message);
      // Only plans and wakes give the streaks.
      if (request.idleStreak !== undefined && request.reason !== 'wake') latePlan.noted(request.plannedUtc);
      const report = await whileRunsAreInFlight(settings.telemetry, () =>
        multiOutbox.dispatch(request, { signal: terminating, continues: true }),
      );
      if (report.continuation) send(context, toDispatch, [report.continuation]);
      await latePlan.makeIfLate(context);
    } catch (error) {
      if (!isHopeless(error)) throw error;
      context.extraOutputs.set(toPoison, poisonedRequest(message, error));
    }
  }
}

/** Whether a retry would fail in the same way. */
function isHopeless(error: unknown): boolean {
  return isMultiOutboxError(error, 'INVALID_ARGUMENT') || isMultiOutboxError(error, 'UNKNOWN_TENANT');
}
