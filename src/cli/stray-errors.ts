/**
 * Errors that nobody can catch: a handler forgot to wait for a promise, or threw in a timer. They must not take the
 * work of all other tenants with them (D8).
 */
import { reportError } from './errors.ts';

let takeOver: ((error: unknown) => void) | undefined;

/** Once a process: an exception that nobody caught ends it with a line, unless a command takes it over. */
export function reportStrayErrors(style: { json: boolean; verbose: boolean }): void {
  process.on('uncaughtException', (error) => {
    if (takeOver) takeOver(error);
    else process.exit(reportError(error, style));
  });
}

/**
 * While dispatch runs are in flight, stray errors are only told of. Ending the process would hand every message in
 * flight, of every tenant, to recovery; going on harms the message whose handler it was alone: either its handler ends
 * by itself, or its timeout makes it an attempt like any other. Returns what ends this.
 */
export function takeStrayErrors(onError: (error: unknown) => void): () => void {
  takeOver = onError;
  process.on('unhandledRejection', onError);
  return () => {
    takeOver = undefined;
    process.off('unhandledRejection', onError);
  };
}
