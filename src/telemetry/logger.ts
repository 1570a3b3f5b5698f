import { ignoreRejection } from '../errors.ts';
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
        const made: Logger | undefined = logger.child(fields);
        if (typeof made?.info === 'function') return safeLogger(made);
        ignoreRejection(made);
        return this;
      } catch {
        return this;
      }
    },
  });
}
