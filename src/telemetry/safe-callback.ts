import { errorName, functionOf, ignoreRejection } from '../errors.ts';
import type { LogLimit } from './log-limit.ts';
import type { Logger } from './logger.ts';

/** Where the errors of callbacks go; a callback that always fails must not fill the log. */
export interface CallbackLog {
  readonly logger: Logger;
  readonly limit: Pick<LogLimit, 'allows'>;
}

/**
 * Wraps a caller's callback, synchronous or not, so that an error of it is logged and stops nothing: the work that it
 * is told about goes on. Without a callback the result does nothing.
 * @param call the function that takes the callback, and `option`, its name there, for errors
 * @throws MultiOutboxError INVALID_ARGUMENT when it is not a function
 */
export function safeCallback<Arguments extends unknown[]>(
  call: string,
  option: string,
  callback: ((...args: Arguments) => unknown) | undefined,
  { logger, limit }: CallbackLog,
): (...args: Arguments) => void {
  if (callback === undefined) return () => {};
  functionOf(call, option, callback);
  const about = { callback: `${call}: ${option}` };
  const failed = (error: unknown) => {
    if (limit.allows('callback', about))
      logger.error('A callback failed; the work goes on. Correct the callback.', {
        ...about,
        error: errorName(error),
      });
  };
  return (...args) => {
    try {
      ignoreRejection(callback(...args), failed);
    } catch (error) {
      failed(error);
    }
  };
}
