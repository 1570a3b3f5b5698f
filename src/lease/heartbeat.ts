import { MultiOutboxError } from '../errors.ts';

/** A timer that is set for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

export interface HeartbeatOptions {
  /** Named in the reason of the signal, as the tenant is. */
  readonly name: string;
  readonly tenantId?: string | undefined;
  /** The lease's full duration, milliseconds. */
  readonly durationMs: number;
  /** What is left of it, as the acquisition said. */
  readonly expiresInMs: number;
  /** When the acquisition was sent, by `performance.now()`: the lease cannot run out later than counted from there. */
  readonly sentAt: number;
  /** Renews; resolves to the milliseconds left, or null when the lease is lost. */
  readonly renew: () => Promise<number | null>;
  /** Told of renewals that failed; they are tried again while time remains. */
  readonly onError?: (error: unknown) => void;
  readonly random?: () => number;
}

/**
 * Keeps a held lease alive (L4): renews at a third of its duration with jitter, retries a failed renewal while time
 * remains, and fires its signal when the lease is lost or its time is up.
 *
 * Local time is used only to measure how long ago a database said how much was left; it is read before each call
 * is sent, so that this side always thinks the lease shorter than the database does.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #controller = new AbortController();
  #deadline: number;
  /** Counts renewals, by whichever call. */
  #extensions = 0;
  #renewTimer: NodeJS.Timeout | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#deadline = options.sentAt + options.expiresInMs;
    this.#schedule(this.#third());
  }

  /** Fires with a MultiOutboxError LEASE_LOST. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds that the lease still lasts; 0 or less when its time is up. */
  get remainingMs(): number {
    return this.#deadline - performance.now();
  }

  /** Another call has renewed the lease: `expiresInMs` counted from when it was sent. */
  extended(expiresInMs: number, sentAt: number): void {
    if (this.#stopped) return;
    this.#deadline = sentAt + expiresInMs;
    this.#extensions++;
    this.#schedule(this.#third());
  }

  /** The lease is known to be lost. */
  lose(why: string): void {
    if (this.#stopped) return;
    this.stop();
    this.#controller.abort(leaseLost(this.#options.name, why, this.#options.tenantId));
  }

  /** Ends the heartbeat without firing the signal. Idempotent. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#deadlineTimer);
  }

  #third(): number {
    const jitter = 0.8 + 0.2 * (this.#options.random ?? Math.random)();
    return Math.min((this.#options.durationMs / 3) * jitter, longestTimerMs);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#deadlineTimer);
    this.#renewTimer = setTimeout(() => void this.#renew(), Math.max(0, Math.min(delayMs, this.remainingMs)));
    this.#watchDeadline();
  }

  #watchDeadline(): void {
    this.#deadlineTimer = setTimeout(
      () => {
        // Timers may fire a little early, and cannot be set for longer than 24 days.
        if (this.remainingMs > 0) this.#watchDeadline();
        else this.lose('its time is up');
      },
      Math.min(Math.max(0, this.remainingMs), longestTimerMs),
    );
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now();
    const extensions = this.#extensions;
    try {
      const expiresInMs = await this.#options.renew();
      if (expiresInMs === null) this.lose('somebody else has taken it');
      // Whoever has extended it meanwhile knows better when the call that renewed it was sent.
      else if (extensions === this.#extensions) this.extended(expiresInMs, sentAt);
    } catch (error) {
      if (this.#stopped) return;
      this.#options.onError?.(error);
      // The deadline timer stays as it is: it ends the attempts.
      this.#renewTimer = setTimeout(() => void this.#renew(), Math.max(10, this.remainingMs / 4));
    }
  }
}

export function leaseLost(name: string, why: string, tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError('LEASE_LOST', `The lease '${name}' is lost: ${why}.`, { tenantId });
}
