import type { Registry } from '../engine/registry.ts';
import { describeError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface WakeWatchOptions {
  readonly registry: () => Promise<Registry>;
  /** Woken tenants are due, and may not have been chosen yet. */
  readonly onDue: () => void;
  /** The hosts' plans find woken tenants after this time, in milliseconds, so no look is later than that. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Milliseconds from an activity of this process to the first look. The time between looks doubles from there. */
const firstLookMs = 25;

/**
 * Learns of the wakes of other processes, for all hosts of this process (F7). If the registry notifies, it looks when it is
 * told. Otherwise it looks soon after this process has dispatched messages, because more may come, and less and less often
 * while none come; an idle process makes no looks besides its plans.
 */
export class WakeWatch {
  readonly #options: WakeWatchOptions;
  #registry: Registry | undefined;
  #hosts = 0;
  #endNotifications: (() => void) | undefined;
  #isLooking = false;
  #lookAgain = false;
  /** The next look, or the last one, which has doubled the delay. */
  #timer: NodeJS.Timeout | undefined;
  #delayMs = firstLookMs;

  constructor(options: WakeWatchOptions) {
    this.#options = options;
  }

  /** Watches for as long as there are hosts. Returns the function that ends it for one. */
  add(): () => void {
    if (this.#hosts++ === 0) void this.#begin();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--this.#hosts === 0) this.#end();
    };
  }

  /** This process has dispatched messages. */
  active(): void {
    if (this.#registry === undefined && this.#hosts > 0) void this.#begin();
    if (this.#registry === undefined || this.#endNotifications !== undefined) return;
    // A busy host calls this more often than it looks; the look that is due must not be put off by that.
    if (this.#timer !== undefined && this.#delayMs === firstLookMs) return;
    this.#delayMs = firstLookMs;
    this.#lookLater();
  }

  async #begin(): Promise<void> {
    try {
      const registry = await this.#options.registry();
      if (this.#hosts === 0 || this.#registry !== undefined) return;
      this.#registry = registry;
      this.#endNotifications = registry.onWake?.(() => void this.#look());
    } catch (error) {
      this.#options.logger.debug('The wakes of other processes are found by plans only.', {
        error: describeError(error),
      });
    }
  }

  #end(): void {
    this.#registry = undefined;
    this.#endNotifications?.();
    this.#endNotifications = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    if (this.#delayMs >= this.#options.intervalMs) return;
    this.#timer = setTimeout(() => {
      this.#delayMs *= 2;
      void this.#look().then(() => this.#registry && this.#lookLater());
    }, this.#delayMs).unref();
  }

  /** Never rejects: the next plan finds what this look does not. */
  async #look(): Promise<void> {
    this.#lookAgain = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#lookAgain && this.#registry !== undefined) {
        this.#lookAgain = false;
        if (await this.#registry.hasWoken()) this.#options.onDue();
      }
    } catch (error) {
      this.#options.logger.debug('Woken tenants could not be looked for; the next plan finds them.', {
        error: describeError(error),
      });
    } finally {
      this.#isLooking = false;
    }
  }
}
