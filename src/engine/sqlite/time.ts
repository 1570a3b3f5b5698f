/** Times and durations of the tables, in whole milliseconds. */
import { wholeMsUpTo } from '../stored-values.ts';

/**
 * The times that the tables accept, in milliseconds since 1970: the years 1 to 9999, as on SQL Server. Ticks,
 * microseconds and nanoseconds of our time are outside, so an insert that confuses the units fails.
 */
export const earliestUtc = -62_135_596_800_000;
export const latestUtc = 253_402_300_799_999;

/** No stored duration is longer. */
export const spanOfTimesMs = latestUtc - earliestUtc + 1;

/** 100 years: a time that is so far away is within the times above. */
const longestMs = 3_155_760_000_000;

export const wholeMs = wholeMsUpTo(longestMs);

/**
 * Milliseconds. A stored time counts as ahead of the clock, because the clock was set back, when it is later than now by
 * more than this (Q16). A machine that keeps its time moves its clock by less.
 */
export const clockToleranceMs = 1_000;

export function dateOrNull(utcMs: number | null): Date | null {
  return utcMs === null ? null : new Date(utcMs);
}
