/**
 * The delay before a message is tried again: exponential backoff with full jitter, as described by M. Brooker,
 * "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export interface RetryPolicy {
  /** How many attempts a message gets before it goes to Dead. */
  readonly maxAttempts: number;
  /** Milliseconds: the upper bound of the first delay; it doubles with every attempt. */
  readonly baseMs: number;
  /** Milliseconds: the upper bound of every delay. */
  readonly maxDelayMs: number;
}

/** Milliseconds: the longest delay that a handler can ask for. Dates in a database have an upper limit. */
export const longestDelayMs = 10 * 365 * 86_400_000;

/** The longest delay that may follow the given attempt, in milliseconds. The first attempt is 1. */
export function backoffCeiling(attempt: number, { baseMs, maxDelayMs }: RetryPolicy): number {
  // 2 ** 1023 is the greatest finite power of two; the cap is reached long before.
  return Math.min(maxDelayMs, baseMs * 2 ** Math.min(attempt - 1, 1000));
}

/** The delay after the given attempt, in milliseconds: uniform between 0 and the ceiling. `random` returns [0, 1). */
export function backoffDelay(
  attempt: number,
  policy: RetryPolicy,
  random: () => number = Math.random,
): number {
  return Math.round(random() * backoffCeiling(attempt, policy));
}
