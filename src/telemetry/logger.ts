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
