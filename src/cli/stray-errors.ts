/**
 * Handles errors that no run can catch: a handler did not await a promise, or threw in a timer. They must not stop
 * the work of the other tenants (D8).
 */
import { reportError } from './errors.ts';

let takeOver: ((error: unknown) => void) | undefined;

/** Reports an uncaught exception and ends the process, unless a command has taken over. Call once per process. */
export function reportStrayErrors(style: { json: boolean; verbose: boolean }): void {
  process.on('uncaughtException', (error) => {
    if (takeOver) takeOver(error);
    else process.exit(reportError(error, style));
  });
}

/**
 * While dispatch runs are in flight, passes uncaught errors to `onError` and keeps the process alive. Ending the
 * process would leave every tenant's messages in flight to recovery. Keeping it alive affects only the failing
 * handler's message: the handler ends, or its timeout fails the attempt. Returns a function that undoes this.
 */
export function takeStrayErrors(onError: (error: unknown) => void): () => void {
  takeOver = onError;
  process.on('unhandledRejection', onError);
  return () => {
    takeOver = undefined;
    process.off('unhandledRejection', onError);
  };
}
