import type { LeaseAcquired, LeaseRef, RenewResult } from '../engine/lease-store.ts';
import { errorName, isMultiOutboxError, type MultiOutboxError } from '../errors.ts';
import { guardedSignal } from '../guarded-signal.ts';
import { withoutOptions } from '../options.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Heartbeat, leaseLost } from './heartbeat.ts';

/** A lease that this process holds. It renews itself until it is released or lost (L4). */
export interface Lease extends AsyncDisposable {
  readonly name: string;
  readonly owner: string;
  /**
   * Greater than the fence of every earlier holder. Store it with your writes: a receiver that remembers the greatest
   * fence it has seen can refuse a holder that lost its lease without noticing.
   */
  readonly fence: number;
  /** When the lease runs out unless it is renewed, by the database's clock. */
  readonly expiresAt: Date;
  /** Fires with LEASE_LOST when the lease is lost or has run out, or with the reason of the signal in the options. */
  readonly signal: AbortSignal;
  /**
   * Renews the lease now. This also checks that, in the database, this owner still has the lease.
   * @throws LEASE_LOST, or the database's error
   */
  renew(): Promise<void>;
  /**
   * Releases the lease. Returns false when this owner no longer had it, or when the database did not answer; in the
   * second case the lease runs out by itself. Idempotent; never throws (L4).
   */
  release(): Promise<boolean>;
}

export interface HeldLeaseOptions {
  readonly ref: LeaseRef;
  readonly tenantId: string | undefined;
  readonly durationMs: number;
  readonly acquired: LeaseAcquired;
  /** When the acquisition was sent, by `performance.now()`. */
  readonly sentAt: number;
  readonly renew: () => Promise<RenewResult>;
  readonly release: () => Promise<boolean>;
  /**
   * The holder's own signal: when it fires, the lease's signal fires too. The holder keeps the lease until it
   * releases it.
   */
  readonly signal: AbortSignal | undefined;
  /** Fires when the multi-outbox is closed: the lease cannot be renewed after that. */
  readonly closed: AbortSignal;
  readonly logger: Logger;
}

export class HeldLease implements Lease {
  readonly name: string;
  readonly owner: string;
  readonly fence: number;
  readonly #options: HeldLeaseOptions;
  readonly #heartbeat: Heartbeat;
  readonly #controller = new AbortController();
  /** Removes the lease's listeners when the lease ends, because the signals it listens to may live longer. */
  readonly #listening = new AbortController();
  #expiresAt: Date;
  #lost: MultiOutboxError | undefined;
  #released: Promise<boolean> | undefined;

  constructor(options: HeldLeaseOptions) {
    const { ref, tenantId, durationMs, acquired, sentAt, logger } = options;
    this.name = ref.name;
    this.owner = ref.owner;
    this.fence = ref.fence;
    this.#options = options;
    guardedSignal(this.#controller.signal, (error) =>
      logger.error("A listener of a lease's signal threw an error, which changes nothing; correct it.", {
        tenantId,
        lease: ref.name,
        error: errorName(error),
      }),
    );
    this.#expiresAt = acquired.expiresUtc;
    this.#heartbeat = new Heartbeat({
      name: ref.name,
      tenantId,
      durationMs,
      expiresInMs: acquired.expiresInMs,
      sentAt,
      renew: () => this.#renewed(),
      onError: (error) =>
        logger.warn('A lease could not be renewed; the renewal is tried again until the lease runs out.', {
          tenantId,
          lease: ref.name,
          code: isMultiOutboxError(error) ? error.code : undefined,
        }),
    });
    this.#on(this.#heartbeat.signal, (reason) => this.#lose(reason as MultiOutboxError));
    this.#on(options.closed, () => this.#heartbeat.lose('this multi-outbox was closed'));
    if (options.signal) this.#on(options.signal, (reason) => this.#controller.abort(reason));
  }

  get expiresAt(): Date {
    return this.#expiresAt;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The error, if the lease is known to have been lost before its release; otherwise undefined. */
  get lost(): MultiOutboxError | undefined {
    return this.#lost;
  }

  async renew(...rest: never[]): Promise<void> {
    withoutOptions('renew', rest);
    if (this.#lost) throw this.#lost;
    if (this.#released) throw this.#gone('it was released');
    const sentAt = performance.now();
    const expiresInMs = await this.#renewed();
    if (expiresInMs === null) this.#heartbeat.lose('another owner has taken it');
    else this.#heartbeat.extended(expiresInMs, sentAt);
    if (this.#lost) throw this.#lost;
  }

  async release(...rest: never[]): Promise<boolean> {
    withoutOptions('release', rest);
    this.#released ??= this.#release();
    return this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #renewed(): Promise<number | null> {
    const result = await this.#options.renew();
    if (result.status === 'lost') return null;
    this.#expiresAt = result.expiresUtc;
    return result.expiresInMs;
  }

  async #release(): Promise<boolean> {
    this.#heartbeat.stop();
    this.#listening.abort();
    try {
      // Release a lease that has run out, too: perhaps no other owner has taken it since.
      const isReleased = await this.#options.release();
      if (!isReleased && !this.#lost) this.#lose(this.#gone('another owner had taken it'));
      return isReleased;
    } catch {
      return false;
    }
  }

  #gone(why: string): MultiOutboxError {
    return leaseLost(this.name, why, this.#options.tenantId);
  }

  #lose(reason: MultiOutboxError): void {
    this.#lost = reason;
    this.#listening.abort();
    this.#controller.abort(reason);
  }

  #on(source: AbortSignal, then: (reason: unknown) => void): void {
    if (source.aborted) then(source.reason);
    else source.addEventListener('abort', () => then(source.reason), { signal: this.#listening.signal });
  }
}
