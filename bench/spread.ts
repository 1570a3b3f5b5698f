/** Summarises several measurements of one quantity by their median and spread. */
import type { Costs } from './timing.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Takes at least one value. Figures are rounded to four digits, because no benchmark is more exact. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median: digits(median), min: digits(sorted[0]!), max: digits(sorted.at(-1)!) };
}

/** Our speed as a share of the raw loop's speed: 1 is as fast; by the clock and by processor time. */
export function sharesOfRaw(ours: Costs, raw: Costs): { shareOfRaw: Spread; cpuShareOfRaw: Spread } {
  return { shareOfRaw: ratio(raw.ms, ours.ms), cpuShareOfRaw: ratio(raw.cpuMs, ours.cpuMs) };
}

/** Our cost as a multiple of the raw loop's cost: 1 is the same; by the clock and by processor time. */
export function timesRaw(ours: Costs, raw: Costs): { timesRaw: Spread; cpuTimesRaw: Spread } {
  return { timesRaw: ratio(ours.ms, raw.ms), cpuTimesRaw: ratio(ours.cpuMs, raw.cpuMs) };
}

/** Compares repetition by repetition, because both contenders then ran under the same load. */
export function ratio(numerator: readonly number[], denominator: readonly number[]): Spread {
  return spread(numerator.map((value, repetition) => value / denominator[repetition]!));
}

/** The rate per second, for `count` items in each repetition. */
export function perSecond(count: number, { ms }: Costs): Spread {
  return spread(ms.map((time) => (count / time) * 1_000));
}

/** Milliseconds for one item, for `count` items in each repetition. */
export function msEach(count: number, { ms }: Costs): Spread {
  return spread(ms.map((time) => time / count));
}

/** The least of the values that so large a share of them does not exceed (nearest rank). Takes at least one value. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
}

function digits(value: number): number {
  return Number(value.toPrecision(4));
}
