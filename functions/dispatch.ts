/** Queue trigger: carries out one dispatch run per request (D1), and requests the next run while backlog is left. */
import { app, type InvocationContext } from '@azure/functions';
import { isMultiOutboxError, parseDispatchRequest, poisonedRequest } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { connection, queueNames, toDispatch, toPoison } from './queues.ts';
import { whileRunsAreInFlight } from './stray-errors.ts';

export function registerDispatch(currentApp: CurrentApp, terminating: AbortSignal): void {
  app.storageQueue('dispatch', {
    queueName: queueNames.dispatch,
    connection,
    extraOutputs: [toDispatch, toPoison],
    handler: dispatch,
  });

  /** A tenant's failure is in its report (D8). An error thrown here is the registry's or the app's, and the host retries. */
  async function dispatch(message: unknown, context: InvocationContext): Promise<void> {
    const { multiOutbox } = currentApp();
    try {
      const request = parseDispatchRequest(message);
      const report = await whileRunsAreInFlight(() =>
        multiOutbox.dispatch(request, { signal: terminating, continues: true }),
      );
      if (report.continuation) context.extraOutputs.set(toDispatch, report.continuation);
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
