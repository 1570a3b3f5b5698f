/** Times and durations as the tables hold them: whole milliseconds. */

/** The longest delay that still gives a date JavaScript can hold, with room to spare: about 100,000 years. */
const longestMs = 3_155_760_000_000_000;

/** A duration as the database takes it: whole, not negative, finite. */
export function wholeMs(durationMs: number): number {
  if (Number.isNaN(durationMs)) return 0;
  return Math.min(Math.max(0, Math.ceil(durationMs)), longestMs);
}

export function dateOrNull(utcMs: number | null): Date | null {
  return utcMs === null ? null : new Date(utcMs);
}
