/** Times and durations of the tables, in whole milliseconds. */
import { wholeMsUpTo } from '../stored-values.ts';

/** About 100,000 years: with a longer delay, a due time might exceed JavaScript's greatest date. */
const longestMs = 3_155_760_000_000_000;

export const wholeMs = wholeMsUpTo(longestMs);

export function dateOrNull(utcMs: number | null): Date | null {
  return utcMs === null ? null : new Date(utcMs);
}
