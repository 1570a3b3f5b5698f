import type { LogFields, Logger } from './logger.ts';

/** Lines of one kind about one thing that a process writes in a minute. The first ones say what is wrong. */
const linesAMinute = 10;
const minuteMs = 60_000;

interface Minute {
  readonly fields: LogFields;
  lines: number;
  leftOut: number;
  readonly timer: NodeJS.Timeout;
}

/** Bounds the log lines about what fails again and again: a topic that fails everywhere must not fill the log. */
export class LogLimit {
  readonly #logger: Logger;
  readonly #minutes = new Map<string, Minute>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Whether another line of this kind about this, such as a topic, may be written now. If not, it is counted, and the count
   * is logged when the minute is over. The number of things must be bounded, such as that of the topics of handlers.
   */
  allows(kind: string, about: Readonly<Record<string, string>>): boolean {
    const key = `${kind} ${JSON.stringify(about)}`;
    let minute = this.#minutes.get(key);
    if (minute === undefined) {
      const timer = setTimeout(() => this.#end(key), minuteMs);
      // A count that is still open must not keep the process alive.
      timer.unref();
      minute = { fields: { kind, ...about }, lines: 0, leftOut: 0, timer };
      this.#minutes.set(key, minute);
    }
    if (minute.lines < linesAMinute) {
      minute.lines++;
      return true;
    }
    minute.leftOut++;
    return false;
  }

  /** Logs the open counts. */
  close(): void {
    for (const [key, { timer }] of this.#minutes) {
      clearTimeout(timer);
      this.#end(key);
    }
  }

  #end(key: string): void {
    const { fields, leftOut = 0 } = this.#minutes.get(key) ?? {};
    this.#minutes.delete(key);
    if (leftOut > 0)
      this.#logger.warn('More of these happened within a minute than the log shows.', { ...fields, leftOut });
  }
}
