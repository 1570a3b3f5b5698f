/**
 * Handles errors that no run can catch: a handler did not await a promise, or threw in a timer. The host's worker would
 * end at the first such error, and so would the runs of all other tenants on this instance (D8). While runs are in
 * flight this module logs them and keeps the process alive; the handler's timeout then fails the attempt of the message
 * concerned.
 */
import { errorName, errorText, type Settings } from '../src/index.ts';
import { hostLogger } from './logging.ts';

let inFlight = 0;
/** One process has one app, so all runs have the same settings. */
let textOf: (error: unknown) => string = errorName;

export async function whileRunsAreInFlight<T>(
  { handlerErrorText }: Settings['telemetry'],
  action: () => Promise<T>,
): Promise<T> {
  textOf = handlerErrorText ? errorText : errorName;
  // Counted only then, because Node throws if somebody else has set it.
  if (inFlight === 0) process.setUncaughtExceptionCaptureCallback(outlive);
  inFlight++;
  try {
    return await action();
  } finally {
    if (--inFlight === 0) process.setUncaughtExceptionCaptureCallback(null);
  }
}

function outlive(error: unknown): void {
  // The worker marks its own errors, and must handle them itself.
  if (isHostError(error)) {
    process.emit('uncaughtException', error as Error);
    return;
  }
  hostLogger.error(
    'An error was thrown outside every run, most likely because a handler did not await a promise; await every promise in your handlers.',
    {
      error: textOf(error),
    },
  );
}

function isHostError(error: unknown): boolean {
  try {
    return (error as { isAzureFunctionsSystemError?: boolean } | null)?.isAzureFunctionsSystemError === true;
  } catch {
    return false; // A handler may throw anything, such as a proxy that cannot be read.
  }
}
