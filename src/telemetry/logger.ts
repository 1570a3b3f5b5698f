/** Facts that go with a log line. Never a payload, a header value or a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the library logs through; `child` adds fields to every line of the logger it returns. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/**
 * The logger with what it throws swallowed: a log that cannot be written, such as for a full disk, must neither change
 * what becomes of a message nor end the process.
 */
export function safeLogger(logger: Logger): Logger {
  const quietly = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    try {
      logger[level](message, fields);
    } catch {
      // There is nowhere left to tell it.
    }
  };
  return {
    debug: quietly('debug'),
    info: quietly('info'),
    warn: quietly('warn'),
    error: quietly('error'),
    child(fields) {
      try {
        return safeLogger(logger.child(fields));
      } catch {
        return this;
      }
    },
  };
}
