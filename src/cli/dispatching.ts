/** What surrounds dispatch runs in this process: signals, and handlers that misbehave beyond what a run can catch. */

import { errorText } from '../errors.ts';
import type { TickOptions } from '../multi-outbox.ts';
import type { Logger } from '../telemetry/logger.ts';
import { guardExit } from './exit-guard.ts';
import { oneLine } from './output/text.ts';
import { watchForStop } from './signals.ts';
import { takeStrayErrors } from './stray-errors.ts';

export interface Dispatching {
  /** Fires when the runs are to stop gracefully (D5). */
  readonly signal: AbortSignal;
  /** To be called with every event of a run. */
  readonly track: NonNullable<TickOptions['onRun']>;
  /** Gives signals and stray errors back. */
  end(): void;
}

export function beginDispatching(logger: Logger, options: { json: boolean }): Dispatching {
  const guard = guardExit(options);
  const watch = watchForStop((reason) => logger.info(`Stopping (${reason}).`));
  const giveBack = takeStrayErrors((error) =>
    logger.error(
      `An error was thrown that nobody could catch, most likely by a handler: ${oneLine(errorText(error))}`,
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
