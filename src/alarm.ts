import { timerDelayMs } from './timer-delay.ts';

/**
 * Calls a function at a moment that is put off again and again. To set a Node timer anew costs 1 µs, and a busy run would do this
 * twice at each of its calls. So a timer that would fire too early is left as it is, and set again when it fires.
 */
export class Alarm {
  readonly #onDue: () => void;
  #at = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #firesAt = 0;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** @param at by `performance.now()`; it replaces the moment that was set before */
  set(at: number): void {
    this.#at = at;
    if (this.#timer === undefined || at < this.#firesAt) this.#startTimer();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    // Timers may fire a little early, and their longest delay is 24 days.
    const delayMs = timerDelayMs(this.#at - now);
    this.#firesAt = now + delayMs;
    this.#timer = setTimeout(() => this.#fired(), delayMs);
  }

  #fired(): void {
    this.#timer = undefined;
    if (performance.now() < this.#at) this.#startTimer();
    else this.#onDue();
  }
}
