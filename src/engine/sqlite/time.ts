/** Times and durations as the tables hold them: whole milliseconds. */
import { wholeMsUpTo } from '../stored-values.ts';

/** The longest delay that still gives a date JavaScript can hold, with room to spare: about 100,000 years. */
const longestMs = 3_155_760_000_000_000;

export const wholeMs = wholeMsUpTo(longestMs);

export function dateOrNull(utcMs: number | null): Date | null {
  return utcMs === null ? null : new Date(utcMs);
}
