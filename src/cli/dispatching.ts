/** What surrounds dispatch runs in this process: signals, and handlers that misbehave beyond what a run can catch. */

import { errorText } from '../errors.ts';
import type { TickOptions } from '../multi-outbox.ts';
import type { Logger } from '../telemetry/logger.ts';
import { FailedError } from './errors.ts';
import { guardExit } from './exit-guard.ts';
import { oneLine } from './output/text.ts';
import { watchForStop } from './signals.ts';
import { takeStrayErrors } from './stray-errors.ts';

export interface Dispatching {
  /** Fires when the runs are to stop gracefully (D5). */
  readonly signal: AbortSignal;
  /** To be called with every event of a run. */
  readonly track: NonNullable<TickOptions['onRun']>;
  /** Gives signals and stray errors back. @throws FailedError when there were stray errors */
  end(): void;
  /** The same without the error, for work that has failed already. */
  dispose(): void;
}

export function beginDispatching(logger: Logger, options: { json: boolean }): Dispatching {
  const guard = guardExit(options);
  const watch = watchForStop((reason) => logger.info(`Stopping (${reason}).`));
  let stray: { error: unknown } | undefined;
  const giveBack = takeStrayErrors((error) => {
    stray ??= { error };
    logger.error(
      `An error was thrown that nobody could catch, most likely by a handler: ${oneLine(errorText(error))}`,
    );
  });
  const dispose = () => {
    giveBack();
    watch.dispose();
    guard.disarm();
  };
  return {
    signal: watch.signal,
    track({ request, report }) {
      if (report === undefined) guard.started(request.tenantId);
      else guard.ended(request.tenantId);
    },
    dispose,
    end() {
      dispose();
      if (stray === undefined) return;
      const text = oneLine(errorText(stray.error)).replace(/\.$/, '');
      throw new FailedError(
        `Handlers threw errors that nobody could catch; the first: ${text}. Correct the handler: await every promise, and catch in timers and callbacks.`,
        { cause: stray.error },
      );
    },
  };
}
