import { escapedLine, fieldsText } from '../../telemetry/log-line.ts';
import type { LogFields, Logger } from '../../telemetry/logger.ts';
import { colorsFor } from './colors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Creates a logger that writes to standard error: short lines on a terminal; lines of JSON (pino) elsewhere and with
 * `json`. It drops lines below `level`.
 */
export async function createLogger(options: { json: boolean; level: LogLevel }): Promise<Logger> {
  return options.json || process.stderr.isTTY !== true
    ? jsonLogger(options.level)
    : humanLogger(options.level);
}

async function jsonLogger(level: LogLevel): Promise<Logger> {
  const { pino } = await import('pino');
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous, so that a crash does not lose the last lines.
    pino.destination({ fd: 2, sync: true }),
  );
  const wrap = (target: typeof root): Logger => ({
    debug: (message, fields) => target.debug(plain(fields), message),
    info: (message, fields) => target.info(plain(fields), message),
    warn: (message, fields) => target.warn(plain(fields), message),
    error: (message, fields) => target.error(plain(fields), message),
    child: (fields) => wrap(target.child(plain(fields))),
  });
  return wrap(root);
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function humanLogger(level: LogLevel, bound: LogFields = {}): Logger {
  const colors = colorsFor(process.stderr);
  const paint = { debug: colors.dim, info: colors.cyan, warn: colors.yellow, error: colors.red };
  const write = (lineLevel: LogLevel) => (message: string, fields?: LogFields) => {
    if (levels.indexOf(lineLevel) < levels.indexOf(level)) return;
    const time = new Date().toISOString().slice(11, 19);
    process.stderr.write(
      `${colors.dim(time)} ${paint[lineLevel](lineLevel.padEnd(5))} ${escapedLine(message)}${colors.dim(fieldsText({ ...bound, ...fields }))}\n`,
    );
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => humanLogger(level, { ...bound, ...fields }),
  };
}

/** Replaces errors by their messages: pino would print stacks and causes, which may hold data that must not be logged. */
function plain(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]),
  );
}

/**
 * A logger that drops the library's lines about dispatch runs, for commands that report runs themselves. Only those
 * lines have an `outcome` field.
 */
export function withoutRunLines(logger: Logger): Logger {
  const unless =
    (write: (message: string, fields?: LogFields) => void) => (message: string, fields?: LogFields) => {
      if (fields?.outcome === undefined) write(message, fields);
    };
  return {
    debug: unless(logger.debug),
    info: unless(logger.info),
    warn: unless(logger.warn),
    error: unless(logger.error),
    child: (fields) => withoutRunLines(logger.child(fields)),
  };
}
