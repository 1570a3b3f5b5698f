/** Times and durations of the tables, in whole milliseconds. */

/** About 100,000 years: with any later delay, a due time might exceed JavaScript's greatest date. */
const longestMs = 3_155_760_000_000_000;

/** A duration for the database: whole, not negative, finite. */
export function wholeMs(durationMs: number): number {
  if (Number.isNaN(durationMs)) return 0;
  return Math.min(Math.max(0, Math.ceil(durationMs)), longestMs);
}

export function dateOrNull(utcMs: number | null): Date | null {
  return utcMs === null ? null : new Date(utcMs);
}
