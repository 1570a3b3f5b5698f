import type { Logger } from './logger.ts';

/** Lines of one kind and topic that a process writes in a minute. The first ones say what is wrong. */
const linesAMinute = 10;
const minuteMs = 60_000;

interface Minute {
  lines: number;
  leftOut: number;
  readonly timer: NodeJS.Timeout;
}

/** Bounds the log lines about messages: a topic that fails everywhere must not fill the log. */
export class LogLimit {
  readonly #logger: Logger;
  readonly #minutes = new Map<string, Minute>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Whether another line of this kind and topic may be written now. If not, it is counted, and the count is logged when
   * the minute is over. The number of topics must be bounded, such as those of handlers.
   */
  allows(kind: string, topic: string): boolean {
    const key = `${kind} ${topic}`;
    let minute = this.#minutes.get(key);
    if (minute === undefined) {
      const timer = setTimeout(() => this.#end(key, kind, topic), minuteMs);
      // A count that is still open must not keep the process alive.
      timer.unref();
      minute = { lines: 0, leftOut: 0, timer };
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
      const space = key.indexOf(' ');
      this.#end(key, key.slice(0, space), key.slice(space + 1));
    }
  }

  #end(key: string, kind: string, topic: string): void {
    const leftOut = this.#minutes.get(key)?.leftOut ?? 0;
    this.#minutes.delete(key);
    if (leftOut > 0)
      this.#logger.warn('More messages of this topic failed within a minute than the log shows.', {
        kind,
        topic,
        leftOut,
      });
  }
}
