import { escapedLine, fieldsText } from './log-line.ts';
import type { LogFields, Logger } from './logger.ts';

/**
 * The logger of a multi-outbox that was given none: it writes warnings and errors to standard error, one line each, so
 * that no failure is invisible.
 */
export function consoleLogger(bound: LogFields = {}): Logger {
  const line = (level: string, message: string, fields?: LogFields) =>
    `multi-outbox ${level}: ${escapedLine(message)}${fieldsText({ ...bound, ...fields })}`;
  return {
    debug() {},
    info() {},
    // Unlike a write to process.stderr, console ignores a closed pipe. `%s` keeps a % of the line as it is.
    warn: (message, fields) => console.warn('%s', line('warn', message, fields)),
    error: (message, fields) => console.error('%s', line('error', message, fields)),
    child: (fields) => consoleLogger({ ...bound, ...fields }),
  };
}
