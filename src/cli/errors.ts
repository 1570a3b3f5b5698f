import { errorText, isError, isMultiOutboxError, propertyOf } from '../errors.ts';
import { asCalled } from './as-called.ts';
import { escapedLine } from './output/text.ts';

/** Exit codes of the program: 0 done, 1 failed, 2 wrong usage, 3 done, and found what --fail-on names. */
export const exitCodes = { done: 0, failed: 1, usage: 2, troubled: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The command line is wrong, so repeating it cannot help. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command, or a part of it, failed. Exit code 1. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
}

/** The command is done, and has found a trouble that `--fail-on` names. Exit code 3. */
export class TroubledError extends Error {
  override readonly name = 'TroubledError';
}

export interface ErrorReport {
  /** An error code of the library, or `USAGE`, `FAILED`, `TROUBLED` or `UNEXPECTED`. */
  readonly code: string;
  /** One line. */
  readonly message: string;
  readonly exitCode: ExitCode;
}

// The library checks some options, variables and arguments itself; its refusals count as wrong usage too.
const usageCodes: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'INVALID_CONFIGURATION',
  'INVALID_MESSAGE',
  'INVALID_TENANT',
  'DUPLICATE_HANDLER',
]);

/** Turns any thrown value into a code, a message and an exit code. */
export function errorReport(error: unknown): ErrorReport {
  const message = escapedLine(errorText(error));
  if (isError(error) && error instanceof UsageError)
    return { code: 'USAGE', message, exitCode: exitCodes.usage };
  if (isError(error) && error instanceof FailedError)
    return { code: 'FAILED', message, exitCode: exitCodes.failed };
  if (isError(error) && error instanceof TroubledError)
    return { code: 'TROUBLED', message, exitCode: exitCodes.troubled };
  if (isMultiOutboxError(error)) {
    const exitCode = usageCodes.has(error.code) ? exitCodes.usage : exitCodes.failed;
    return { code: error.code, message, exitCode };
  }
  return {
    code: 'UNEXPECTED',
    message: `Unexpected error: ${message.replace(/\.$/, '')}. Run the command again with --verbose to see the stack.`,
    exitCode: exitCodes.failed,
  };
}

/**
 * Writes an error to standard error: one line of text, or with `json` one line `{"error":{code,message}}`. With
 * `verbose` it adds the stack: below the text, or as the JSON field `stack`. Returns the exit code.
 */
export function reportError(error: unknown, options: { json: boolean; verbose: boolean }): ExitCode {
  const { code, message, exitCode } = errorReport(error);
  const stack = options.verbose ? stackOf(error) : undefined;
  const text = options.json
    ? JSON.stringify({ error: { code, message, ...(stack === undefined ? {} : { stack }) } })
    : `error: ${asCalled(message)}${stack === undefined ? '' : `\n${stack}`}`;
  process.stderr.write(`${text}\n`);
  return exitCode;
}

/** A chain of causes can be endless: an error may name itself as its cause. */
const mostCauses = 10;

/** The stacks of an error and of its causes. */
function stackOf(error: unknown, causes = mostCauses): string | undefined {
  if (!isError(error)) return undefined;
  const stack = propertyOf(error, 'stack');
  const own = typeof stack === 'string' ? stack : errorText(error);
  const cause = propertyOf(error, 'cause');
  if (cause === undefined || causes === 0) return own;
  return `${own}\nCaused by: ${stackOf(cause, causes - 1) ?? errorText(cause)}`;
}
