import { describeError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface PendingWakesOptions {
  /** Makes these tenants due in the registry. */
  readonly wake: (tenantIds: readonly string[]) => Promise<unknown>;
  readonly logger: Logger;
  /** The random source of jitter; returns [0, 1]. */
  readonly random: () => number;
}

/** Milliseconds until a failed wake is repeated. It doubles with each failure in a row, and has jitter. */
const firstRepeatMs = 500;
const longestRepeatMs = 30_000;
/** The most tenants to remember. Further tenants are dispatched at their next look. */
const mostPending = 10_000;
/** The most ids in one log line. */
const mostNamed = 20;
/**
 * Milliseconds that `close` waits for callers' transactions to end. An engine may notice a commit a few milliseconds
 * late, and a producer may close its multi-outbox right after its commit.
 */
const awaitCommitsMs = 100;
/** Milliseconds that `close` waits for the registry. */
const awaitRegistryMs = 5_000;

/**
 * The wakes of this process that follow a stored message (F7). A wake that fails is repeated, with a growing delay,
 * until it succeeds or the process ends. It is repeated sooner when another wake succeeds, because the registry then
 * answers again. A wake that this process loses costs time only: every tenant is looked at within
 * `schedule.lookWithinMs` (F6).
 */
export class PendingWakes {
  readonly #options: PendingWakesOptions;
  readonly #pending = new Set<string>();
  /** The tenants of the call that repeats failed wakes; empty when none is under way. */
  #repeated: readonly string[] = [];
  /** The tenants of first wakes that are under way, each with their number. */
  readonly #firsts = new Map<string, number>();
  /** The calls to the registry that are under way. */
  readonly #calls = new Set<Promise<void>>();
  /** The callers' transactions whose end is awaited, each with the wake that follows its commit. */
  readonly #commits = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isFull = false;
  #isClosed = false;
  #failures = 0;

  constructor(options: PendingWakesOptions) {
    this.#options = options;
  }

  /** How many tenants wait for their wake to be repeated. */
  get size(): number {
    return this.#pending.size + this.#repeated.length;
  }

  /**
   * Makes the tenant due now; if that fails, repeats it in the background. It never throws, because the messages are
   * stored and the call that stored them must not fail.
   */
  wake(tenantId: string): Promise<void> {
    return this.#tracked(this.#first(tenantId));
  }

  /** As `wake`, in the background, once `committed` has resolved to true. @param committed must not reject */
  wakeAfter(tenantId: string, committed: Promise<boolean>): void {
    const woken = committed
      .then((isCommitted) => (isCommitted ? this.wake(tenantId) : undefined))
      .finally(() => this.#commits.delete(woken));
    this.#commits.add(woken);
  }

  /**
   * Waits for the calls that are under way, and then tries the failed wakes once more. Returns the ids of the tenants
   * that could not be woken, or whose wake has no answer yet. Failed wakes are not repeated after this.
   */
  async close(): Promise<string[]> {
    await settledWithin(awaitCommitsMs, this.#commits);
    await settledWithin(awaitRegistryMs, [this.#untilIdle()]);
    this.#isClosed = true;
    clearTimeout(this.#timer);
    // A repeat that is under way is the last try of its tenants.
    const mayRepeat = this.#pending.size > 0 && this.#repeated.length === 0;
    if (mayRepeat) await settledWithin(awaitRegistryMs, [this.#repeat()]);
    const left = [...new Set([...this.#pending, ...this.#repeated, ...this.#firsts.keys()])];
    if (left.length > 0) this.#warnOfLeft(left);
    return left;
  }

  async #first(tenantId: string): Promise<void> {
    this.#firsts.set(tenantId, (this.#firsts.get(tenantId) ?? 0) + 1);
    try {
      await this.#options.wake([tenantId]);
    } catch (error) {
      this.#keep(tenantId, error);
      return;
    } finally {
      const others = this.#firsts.get(tenantId)! - 1;
      if (others === 0) this.#firsts.delete(tenantId);
      else this.#firsts.set(tenantId, others);
    }
    this.#failures = 0;
    if (this.#pending.size > 0) this.#repeatAfter(0);
  }

  #keep(tenantId: string, error: unknown): void {
    if (this.#isClosed) {
      this.#warnOfLeft([tenantId]);
      return;
    }
    if (this.#pending.has(tenantId)) return;
    if (this.size >= mostPending) {
      if (!this.#isFull) {
        this.#options.logger.warn(
          'Too many tenants wait to be woken; further ones are dispatched at their next look.',
          { tenants: mostPending },
        );
      }
      this.#isFull = true;
      return;
    }
    this.#pending.add(tenantId);
    this.#options.logger.warn('The tenant could not be woken; this process tries again until it succeeds.', {
      tenantId,
      error: describeError(error),
    });
    if (this.#timer === undefined) this.#repeatAfter(this.#delayMs());
  }

  #warnOfLeft(tenantIds: readonly string[]): void {
    this.#options.logger.warn(
      'The multi-outbox was closed before tenants could be woken; their messages wait until the tenants’ next look.',
      { tenants: tenantIds.length, tenantIds: tenantIds.slice(0, mostNamed) },
    );
  }

  #delayMs(): number {
    const ms = Math.min(longestRepeatMs, firstRepeatMs * 2 ** Math.min(this.#failures, 16));
    return ms * (0.5 + 0.5 * this.#options.random());
  }

  #repeatAfter(ms: number): void {
    if (this.#repeated.length > 0 || this.#isClosed) return;
    clearTimeout(this.#timer);
    // Unref: a process that has nothing else to do ends. `close` tries once more.
    this.#timer = setTimeout(() => void this.#tracked(this.#repeat()), ms).unref();
  }

  /**
   * Takes the tenants out of the set first: a message that is stored while the call is under way may come too late for
   * it, so its tenant must stay in the set.
   */
  async #repeat(): Promise<void> {
    this.#timer = undefined;
    const tenantIds = [...this.#pending];
    this.#repeated = tenantIds;
    this.#pending.clear();
    try {
      await this.#options.wake(tenantIds);
      this.#failures = 0;
      this.#isFull = false;
      this.#options.logger.info('Tenants that could not be woken before are woken now.', {
        tenants: tenantIds.length,
        tenantIds: tenantIds.slice(0, mostNamed),
      });
    } catch (error) {
      this.#failures++;
      for (const tenantId of tenantIds) this.#pending.add(tenantId);
      this.#options.logger.debug('Tenants could not be woken; this process tries again.', {
        tenants: tenantIds.length,
        error: describeError(error),
      });
    } finally {
      this.#repeated = [];
    }
    if (this.#pending.size > 0) this.#repeatAfter(this.#delayMs());
  }

  /** Waits for the calls to the registry, also for those that begin meanwhile. */
  async #untilIdle(): Promise<void> {
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
  }

  #tracked(call: Promise<void>): Promise<void> {
    const tracked = call.finally(() => this.#calls.delete(tracked));
    this.#calls.add(tracked);
    return tracked;
  }
}

/** Waits until all promises have settled. Returns false if they have not after that many milliseconds. */
async function settledWithin(ms: number, promises: Iterable<Promise<unknown>>): Promise<boolean> {
  const waited = [...promises];
  if (waited.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([Promise.allSettled(waited).then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
