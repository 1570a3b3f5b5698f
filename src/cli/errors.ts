import { errorText, isMultiOutboxError } from '../errors.ts';
import { oneLine } from './output/text.ts';

/** How the program ends: 0 done, 1 failed, 2 wrong usage. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What was typed makes no sense: repeating it cannot help. Ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command, or a part of it, could not be done. Ends with exit code 1. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
}

export interface ErrorReport {
  /** A code of the library; `USAGE`, `FAILED` or `UNEXPECTED` otherwise. */
  readonly code: string;
  /** One line. */
  readonly message: string;
  readonly exitCode: ExitCode;
}

// Options, variables and arguments that the library refuses are wrong usage as much as what commander refuses.
const usageCodes: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'INVALID_CONFIGURATION',
  'INVALID_MESSAGE',
  'INVALID_TENANT',
  'DUPLICATE_HANDLER',
]);

/** What is told of an error, whatever was thrown. */
export function errorReport(error: unknown): ErrorReport {
  const message = oneLine(errorText(error));
  if (error instanceof UsageError) return { code: 'USAGE', message, exitCode: exitCodes.usage };
  if (error instanceof FailedError) return { code: 'FAILED', message, exitCode: exitCodes.failed };
  if (isMultiOutboxError(error)) {
    const exitCode = usageCodes.has(error.code) ? exitCodes.usage : exitCodes.failed;
    return { code: error.code, message, exitCode };
  }
  return {
    code: 'UNEXPECTED',
    message: `Unexpected error: ${message.replace(/\.$/, '')}. Run the command again with --verbose for its stack.`,
    exitCode: exitCodes.failed,
  };
}

/**
 * Writes an error to standard error: one line for people, or one line of JSON `{"error":{code,message}}`. With
 * `verbose` the stack follows, or stands in the JSON as `stack`. Returns the exit code.
 */
export function reportError(error: unknown, options: { json: boolean; verbose: boolean }): ExitCode {
  const { code, message, exitCode } = errorReport(error);
  const stack = options.verbose ? stackOf(error) : undefined;
  const text = options.json
    ? JSON.stringify({ error: { code, message, ...(stack === undefined ? {} : { stack }) } })
    : `error: ${message}${stack === undefined ? '' : `\n${stack}`}`;
  process.stderr.write(`${text}\n`);
  return exitCode;
}

/** The stack of an error and of the errors that caused it. */
function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = error.stack ?? String(error);
  const cause = error.cause === undefined ? undefined : (stackOf(error.cause) ?? errorText(error.cause));
  return cause === undefined ? own : `${own}\nCaused by: ${cause}`;
}
