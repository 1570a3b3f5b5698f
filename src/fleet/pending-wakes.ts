import { describeError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { InFlight } from './in-flight.ts';
import type { WakeOptions } from './wake-hosts.ts';

export interface PendingWakesOptions {
  /** Wakes these tenants in the registry. */
  readonly wake: (tenantIds: readonly string[], options?: WakeOptions) => Promise<unknown>;
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

/** As long as a commit is waited for when it can be noticed. */
const unnoticedWakeMs = 60_000;
/** Milliseconds that `close` waits for the registry. */
const awaitRegistryMs = 5_000;

/** Milliseconds for which wakes are collected at most, however long the call under way takes. */
const longestCollectingMs = 100;

/** Tenants that one call to the registry will wake. */
interface Batch {
  readonly tenantIds: Set<string>;
  /** Settles with the call. */
  readonly woken: Promise<unknown>;
}

/**
 * The wakes of this process that follow a stored message (F7). Wakes that come while a call to the registry is under way
 * are written together by the next one. A wake that fails is repeated, with a growing delay, until it succeeds or the
 * process ends. It is repeated sooner when another wake succeeds, because the registry then answers again. A wake that this process loses costs time only: every tenant is looked at within
 * `schedule.lookWithinMs` (F6).
 */
export class PendingWakes {
  readonly #options: PendingWakesOptions;
  readonly #pending = new Set<string>();
  /** The tenants of the call that repeats failed wakes; empty when none is under way. */
  #repeated: readonly string[] = [];
  /** The end of the last call to the registry that a first wake made; absent when none is under way. */
  #underWay: Promise<void> | undefined;
  /** The first wakes for the next call; absent when there are none. */
  #batch: Batch | undefined;
  /** The first wakes that are under way. */
  readonly #firsts = new Set<{ readonly tenantId: string }>();
  /** The calls to the registry. */
  readonly #calls = new InFlight();
  /** The callers' transactions whose end is awaited, each with the wake that follows its commit. */
  readonly #commits = new InFlight();
  /** The tenants of which the log says that commits cannot be noticed. */
  readonly #unnoticed = new Set<string>();
  /** The later wakes of tenants whose commits cannot be noticed. */
  readonly #later = new Map<string, { readonly timer: NodeJS.Timeout; isAskedAgain: boolean }>();
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
   * Wakes the tenant; if that fails, repeats it in the background, without `onRequest`. It never throws, because the
   * messages are stored and the call that stored them must not fail.
   */
  wake(tenantId: string, options: WakeOptions = {}): Promise<void> {
    return this.#calls.track(this.#first(tenantId, options));
  }

  /**
   * As `wake`, in the background, once `committed` has resolved to true. The caller may have ended by then, and could not
   * send a request. When it rejects, the commit cannot be noticed, so the tenant is woken at once, and once more when the
   * transaction has had a minute: an unnecessary wake is better than a missing one.
   */
  wakeAfter(tenantId: string, committed: Promise<boolean>): void {
    void this.#commits.track(
      committed.then(
        (isCommitted) => (isCommitted ? this.wake(tenantId) : undefined),
        (error) => {
          this.#tellUnnoticed(tenantId, error);
          this.#wakeLater(tenantId);
          return this.wake(tenantId);
        },
      ),
    );
  }

  /** One timer for each tenant, whatever the number of its transactions; it does not keep the process alive. */
  #wakeLater(tenantId: string): void {
    if (this.#isClosed) return;
    const known = this.#later.get(tenantId);
    if (known !== undefined) {
      known.isAskedAgain = true;
      return;
    }
    const timer = setTimeout(() => {
      this.#later.delete(tenantId);
      if (later.isAskedAgain) this.#wakeLater(tenantId);
      void this.wake(tenantId);
    }, unnoticedWakeMs).unref();
    const later = { timer, isAskedAgain: false };
    this.#later.set(tenantId, later);
  }

  /** Warns once for each tenant, because every transaction of its producers has the same error. */
  #tellUnnoticed(tenantId: string, error: unknown): void {
    const isKnown = this.#unnoticed.has(tenantId);
    if (this.#unnoticed.size < mostPending) this.#unnoticed.add(tenantId);
    this.#options.logger[isKnown ? 'debug' : 'warn'](
      'This process cannot notice the commits of its producers’ transactions, so it wakes the tenant at once and a minute later; call wake after the commit, or remove the cause.',
      { tenantId, error: describeError(error) },
    );
  }

  /**
   * Waits for the calls that are under way, and then tries the failed wakes once more. Returns the ids of the tenants
   * that could not be woken, or whose wake has no answer yet. Failed wakes are not repeated after this.
   */
  async close(): Promise<string[]> {
    await atMost(awaitCommitsMs, this.#commits.ended());
    for (const tenantId of this.#later.keys()) void this.wake(tenantId);
    await atMost(awaitRegistryMs, this.#calls.ended());
    this.#isClosed = true;
    for (const { timer } of this.#later.values()) clearTimeout(timer);
    clearTimeout(this.#timer);
    // A repeat that is under way is the last try of its tenants.
    const mayRepeat = this.#pending.size > 0 && this.#repeated.length === 0;
    if (mayRepeat) await atMost(awaitRegistryMs, this.#repeat());
    const firsts = [...this.#firsts].map(({ tenantId }) => tenantId);
    const left = [...new Set([...this.#pending, ...this.#repeated, ...firsts])];
    if (left.length > 0) this.#warnOfLeft(left);
    return left;
  }

  async #first(tenantId: string, options: WakeOptions): Promise<void> {
    const first = { tenantId };
    this.#firsts.add(first);
    try {
      // The requests of a caller with a queue of its own are for that caller only.
      await (options.onRequest ? this.#options.wake([tenantId], options) : this.#together(tenantId));
    } catch (error) {
      this.#keep(tenantId, error);
      return;
    } finally {
      this.#firsts.delete(first);
    }
    this.#failures = 0;
    if (this.#pending.size > 0) this.#repeatAfter(0);
  }

  /**
   * Calls the registry at once if no call is under way. Otherwise the wakes are collected for the next call: they must not
   * join the one under way, because their messages may have been committed after its look.
   */
  #together(tenantId: string): Promise<unknown> {
    if (this.#batch === undefined && this.#underWay === undefined) return this.#call([tenantId]);
    this.#batch ??= this.#nextBatch(this.#underWay!);
    this.#batch.tenantIds.add(tenantId);
    return this.#batch.woken;
  }

  #nextBatch(underWay: Promise<void>): Batch {
    const tenantIds = new Set<string>();
    const woken = atMost(longestCollectingMs, underWay).then(() => {
      this.#batch = undefined;
      return this.#call([...tenantIds]);
    });
    return { tenantIds, woken };
  }

  #call(tenantIds: readonly string[]): Promise<unknown> {
    const call = this.#options.wake(tenantIds);
    const end: Promise<void> = call.then(
      () => {},
      () => {},
    );
    this.#underWay = end;
    void end.then(() => {
      if (this.#underWay === end) this.#underWay = undefined;
    });
    return call;
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
    const ms = Math.min(longestRepeatMs, firstRepeatMs * 2 ** this.#failures);
    return ms * (0.5 + 0.5 * this.#options.random());
  }

  #repeatAfter(ms: number): void {
    if (this.#repeated.length > 0 || this.#isClosed) return;
    clearTimeout(this.#timer);
    // Unref: a process that has nothing else to do ends. `close` tries once more.
    this.#timer = setTimeout(() => void this.#calls.track(this.#repeat()), ms).unref();
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
}

/** Waits for work that does not reject, but no longer than that many milliseconds. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
