/**
 * Errors that nobody can catch: a handler forgot to wait for a promise, or threw in a timer. They must not take the
 * work of all other tenants with them (D8).
 */
import { errorText } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { reportError } from './errors.ts';
import { oneLine } from './output/text.ts';

let takeOver: ((error: unknown) => void) | undefined;

/** Once a process: an exception that nobody caught ends it with a line, unless a command takes it over. */
export function reportStrayErrors(style: { json: boolean; verbose: boolean }): void {
  process.on('uncaughtException', (error) => {
    if (takeOver) takeOver(error);
    else process.exit(reportError(error, style));
  });
}

/**
 * While dispatch runs are in flight: a rejection that nobody waits for is logged and that is all; an exception leaves
 * behind nobody knows what, and `onException` is to stop gracefully. Returns what ends this.
 */
export function takeStrayErrors(logger: Logger, onException: (error: unknown) => void): () => void {
  const onRejection = (reason: unknown) =>
    logger.error(
      `A promise was rejected that nobody waits for, most likely in a handler: ${oneLine(errorText(reason))}`,
    );
  takeOver = onException;
  process.on('unhandledRejection', onRejection);
  return () => {
    takeOver = undefined;
    process.off('unhandledRejection', onRejection);
  };
}
