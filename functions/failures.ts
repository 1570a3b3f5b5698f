/** The errors of queue and timer functions, as the host gets them. */
import type { InvocationContext } from '@azure/functions';
import { errorText, isMultiOutboxError } from '../src/index.ts';

type Handler<Input> = (input: Input, context: InvocationContext) => Promise<void>;

/**
 * Wraps a handler so that the log has the stack of a failure once. The host logs the error that a function throws more
 * than once, each time with its stack; so the handler logs the stack itself and throws an error without one. An error of
 * the library says what is wrong without a stack.
 */
export function loggingStackOnce<Input>(handler: Handler<Input>): Handler<Input> {
  return async (input, context) => {
    try {
      await handler(input, context);
    } catch (error) {
      if (!isMultiOutboxError(error)) context.error(stackOf(error));
      throw withoutStack(error);
    }
  };
}

/** An error of the same text, whose stack names no calls. */
export function withoutStack(error: unknown): Error {
  const brief = new Error(isMultiOutboxError(error) ? `${error.code}: ${error.message}` : errorText(error));
  brief.stack = `Error: ${brief.message}`;
  return brief;
}

function stackOf(error: unknown): string {
  try {
    return String((error as Error).stack ?? errorText(error));
  } catch {
    return errorText(error);
  }
}
