import { type ErrorCode, ignoreRejection, MultiOutboxError, propertyOf } from '../errors.ts';
import { traceHeaders } from './trace-headers.ts';

/** The structured fields of a log line. They never contain a payload, a header value or a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The interface through which the library logs; `child` returns a logger that adds fields to every line. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

const methods = Object.keys(silentLogger);

/**
 * The logger in the options of a call. A logger that lacks a method would lose lines, or their fields, without a word.
 * @throws MultiOutboxError when it lacks one of the methods
 */
export function loggerOf<Given extends Logger | undefined>(
  call: string,
  given: Given,
  code: ErrorCode = 'INVALID_ARGUMENT',
): Given {
  if (given === undefined) return given;
  const missing = missingMethod(given);
  if (missing === undefined) return given;
  throw new MultiOutboxError(
    code,
    `${call}: 'logger' must be an object with the methods ${methods.join(', ')}, and lacks '${missing}'; add the method, or leave the option out.`,
  );
}

function missingMethod(logger: unknown): string | undefined {
  return methods.find((name) => typeof propertyOf(logger, name) !== 'function');
}

/**
 * Wraps a logger so that it never throws and never leaves a rejected promise behind: a log that cannot be written, for
 * example because the disk is full, must neither change a message's outcome nor end the process. Each line has the
 * active span as its field `traceparent`, if there is one. The result is frozen, because all handlers of a run share it.
 */
export function safeLogger(logger: Logger): Logger {
  const quietly = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    try {
      const { traceparent } = traceHeaders();
      ignoreRejection(
        logger[level](message, traceparent === undefined ? fields : { traceparent, ...fields }),
      );
    } catch {
      // The error cannot be logged: the logger itself failed.
    }
  };
  return Object.freeze<Logger>({
    debug: quietly('debug'),
    info: quietly('info'),
    warn: quietly('warn'),
    error: quietly('error'),
    child(fields) {
      try {
        const made = logger.child(fields);
        if (missingMethod(made) === undefined) return safeLogger(made);
        ignoreRejection(made);
        return this;
      } catch {
        return this;
      }
    },
  });
}
