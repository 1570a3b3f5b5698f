/** Handles signals and uncaught handler errors while this process dispatches. */

import { errorName, errorText } from '../errors.ts';
import type { TickOptions } from '../multi-outbox.ts';
import type { Logger } from '../telemetry/logger.ts';
import { guardExit } from './exit-guard.ts';
import { escapedLine } from './output/text.ts';
import { watchForStop } from './signals.ts';
import { takeStrayErrors } from './stray-errors.ts';

export interface Dispatching {
  /** Aborts when the runs must stop gracefully (D5). */
  readonly signal: AbortSignal;
  /** The caller passes every run event to this function. */
  readonly track: NonNullable<TickOptions['onRun']>;
  /** Removes the handlers of signals and uncaught errors. */
  end(): void;
}

export function beginDispatching(
  logger: Logger,
  options: { json: boolean; handlerErrorText: boolean },
): Dispatching {
  const guard = guardExit(options);
  const watch = watchForStop((reason) => logger.info(`Stopping (${reason}).`));
  const giveBack = takeStrayErrors((error) =>
    logger.error(
      `An error was thrown outside every run: ${escapedLine(options.handlerErrorText ? errorText(error) : errorName(error))}. Most likely a handler did not await a promise; await every promise in your handlers.`,
    ),
  );
  return {
    signal: watch.signal,
    track({ request, report }) {
      if (report === undefined) guard.started(request.tenantId);
      else guard.ended(request.tenantId);
    },
    end() {
      giveBack();
      watch.dispose();
      guard.disarm();
    },
  };
}
