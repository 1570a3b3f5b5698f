/** Node fires a timer at once when its delay is longer than this, 24 days. */
const longestMs = 2 ** 31 - 1;

/** A time as a timer's delay, in milliseconds: one that has passed is 0, and one that is too long is cut. */
export function timerDelayMs(ms: number): number {
  return Math.max(0, Math.min(ms, longestMs));
}
