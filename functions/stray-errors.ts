/**
 * Errors that nobody can catch: a handler forgot to wait for a promise, or threw in a timer. The host's worker ends at
 * the first one, and with it the runs of all other tenants on this instance (D8). While runs are in flight they are told
 * of and outlived: the message concerned runs into its timeout, and that is an attempt like any other.
 */
import { errorText } from '../src/index.ts';
import { hostLogger } from './logging.ts';

let inFlight = 0;

export async function whileRunsAreInFlight<T>(action: () => Promise<T>): Promise<T> {
  if (inFlight++ === 0) process.setUncaughtExceptionCaptureCallback(outlive);
  try {
    return await action();
  } finally {
    if (--inFlight === 0) process.setUncaughtExceptionCaptureCallback(null);
  }
}

function outlive(error: unknown): void {
  // The worker's own errors are the worker's to handle: it marks them.
  if ((error as { isAzureFunctionsSystemError?: boolean } | null)?.isAzureFunctionsSystemError) {
    process.emit('uncaughtException', error as Error);
    return;
  }
  hostLogger.error('An error was thrown that nobody could catch, most likely by a handler.', {
    error: errorText(error),
  });
}
