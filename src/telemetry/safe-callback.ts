import { errorName, functionOf, ignoreRejection } from '../errors.ts';
import type { Logger } from './logger.ts';

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
  logger: Logger,
): (...args: Arguments) => void {
  if (callback === undefined) return () => {};
  functionOf(call, option, callback);
  const failed = (error: unknown) =>
    logger.error('A callback failed; the work goes on. Correct the callback.', {
      callback: `${call}: ${option}`,
      error: errorName(error),
    });
  return (...args) => {
    try {
      ignoreRejection(callback(...args), failed);
    } catch (error) {
      failed(error);
    }
  };
}
