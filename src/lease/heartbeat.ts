import { Alarm } from '../alarm.ts';
import { MultiOutboxError } from '../errors.ts';

export interface HeartbeatOptions {
  /** The signal's reason names the lease and the tenant. */
  readonly name: string;
  readonly tenantId?: string | undefined;
  /** The lease's full duration, milliseconds. */
  readonly durationMs: number;
  /** Milliseconds left of the duration, as the acquisition reported them. */
  readonly expiresInMs: number;
  /** When the acquisition was sent, by `performance.now()`. Counting from here never overestimates the time left. */
  readonly sentAt: number;
  /** Renews; resolves to the milliseconds left, or null when the lease is lost. */
  readonly renew: () => Promise<number | null>;
  /** Called with the error of each failed renewal; the heartbeat tries again while time remains. */
  readonly onError?: (error: unknown) => void;
  readonly random?: () => number;
}

/**
 * Keeps a held lease alive (L4): renews at a third of its duration with jitter, retries a failed renewal while time
 * remains, and fires its signal when the lease is lost or its time is up.
 *
 * The local clock only measures how long ago the database reported the time left. It is read before each call is
 * sent, so this side always expects the lease to end earlier than the database does.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #controller = new AbortController();
  readonly #renewal = new Alarm(() => void this.#renew());
  readonly #end = new Alarm(() => this.lose('it ran out before it could be renewed'));
  #deadline: number;
  /** Counts all renewals: the heartbeat's own and those reported by `extended`. */
  #extensions = 0;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#deadline = options.sentAt + options.expiresInMs;
    this.#schedule();
  }

  /** Fires with a MultiOutboxError LEASE_LOST. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds that the lease still lasts; 0 or less when its time is up. */
  get remainingMs(): number {
    return this.remainingAt(performance.now());
  }

  /** The same at another moment, by `performance.now()`. */
  remainingAt(moment: number): number {
    return this.#deadline - moment;
  }

  /** Reports that another call renewed the lease; `expiresInMs` counts from `sentAt`. */
  extended(expiresInMs: number, sentAt: number): void {
    if (this.#stopped) return;
    this.#deadline = sentAt + expiresInMs;
    this.#extensions++;
    this.#schedule();
  }

  /** Reports that the lease is lost, and fires the signal. */
  lose(why: string): void {
    if (this.#stopped) return;
    this.stop();
    this.#controller.abort(leaseLost(this.#options.name, why, this.#options.tenantId));
  }

  /** Ends the heartbeat without firing the signal. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#renewal.clear();
    this.#end.clear();
  }

  #schedule(): void {
    const jitter = 0.8 + 0.2 * (this.#options.random ?? Math.random)();
    const third = (this.#options.durationMs / 3) * jitter;
    this.#renewal.set(Math.min(performance.now() + third, this.#deadline));
    this.#end.set(this.#deadline);
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now();
    const extensions = this.#extensions;
    try {
      const expiresInMs = await this.#options.renew();
      if (expiresInMs === null) this.lose('another owner has taken it');
      // If another call has extended the lease meanwhile, the time left was counted from that call's sending time.
      else if (extensions === this.#extensions) this.extended(expiresInMs, sentAt);
    } catch (error) {
      if (this.#stopped) return;
      this.#options.onError?.(error);
      // If another call has extended the lease meanwhile, the next renewal is set already.
      if (extensions !== this.#extensions) return;
      // When the lease ends, no further renewal is tried.
      this.#renewal.set(performance.now() + Math.max(10, this.remainingMs / 4));
    }
  }
}

export function leaseLost(name: string, why: string, tenantId: string | undefined): MultiOutboxError {
  return new MultiOutboxError(
    'LEASE_LOST',
    `The lease '${name}' is lost: ${why}; stop the work it protected and take the lease again.`,
    { tenantId },
  );
}
