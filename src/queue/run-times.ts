import { DurationCounter } from '../engine/histogram.ts';
import type { ClaimedMessage } from '../engine/message.ts';
import type { MessageTimeMetrics } from '../telemetry/metrics.ts';

/**
 * How long a run's messages waited, from their due times to the starts of their handlers, and how long their handlers took.
 */
export class RunTimes {
  readonly wait = new DurationCounter();
  readonly handle = new DurationCounter();
  readonly #metrics: MessageTimeMetrics | undefined;
  /** The database's time, in milliseconds since 1970, at which `performance.now()` was 0. */
  #databaseTime = 0;

  /** @param metrics absent if nothing records metrics */
  constructor(metrics?: MessageTimeMetrics) {
    this.#metrics = metrics;
  }

  /**
   * Records the database's clock, which set the due times (Q2): the host's clock may differ.
   * @param receivedAt when the answer came, by `performance.now()`. The call itself may have waited for a login or a lock.
   */
  answered(nowUtc: Date, receivedAt = performance.now()): void {
    this.#databaseTime = nowUtc.getTime() - receivedAt;
  }

  /** @param at by `performance.now()` */
  started({ dueUtc }: Pick<ClaimedMessage, 'dueUtc'>, at: number): void {
    const ms = this.#databaseTime + at - dueUtc.getTime();
    this.wait.add(ms);
    this.#metrics?.waited(Math.max(0, ms));
  }

  ended(topic: string, ms: number): void {
    this.handle.add(ms);
    this.#metrics?.handled(topic, ms);
  }
}
