/**
 * When a failed attempt is tried again: exponential backoff with full jitter, as described by M. Brooker,
 * "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export interface RetryPolicy {
  /** Starts of a message before it goes to Dead. */
  readonly maxAttempts: number;
  /** Milliseconds: the upper bound of the first delay; it doubles with every attempt. */
  readonly baseMs: number;
  /** Milliseconds: no delay is longer. */
  readonly maxDelayMs: number;
}

/** Milliseconds: the longest delay a handler can ask for. Databases have no dates without end. */
export const longestDelayMs = 10 * 365 * 86_400_000;

/** The longest delay that may follow the given attempt (1 = the first), in milliseconds. */
export function backoffCeiling(attempt: number, { baseMs, maxDelayMs }: RetryPolicy): number {
  // 2 ** 1023 is the last finite power; the cap is reached long before.
  return Math.min(maxDelayMs, baseMs * 2 ** Math.min(attempt - 1, 1000));
}

/** The delay after the given attempt: anything between 0 and the ceiling, evenly. `random` gives [0, 1). */
export function backoffDelay(
  attempt: number,
  policy: RetryPolicy,
  random: () => number = Math.random,
): number {
  return Math.round(random() * backoffCeiling(attempt, policy));
}
