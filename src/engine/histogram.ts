/**
 * Histograms of durations. All have the same buckets, in memory, in metrics and in the registry, so that reports, the
 * history and benchmarks read the same figures, and any two can be added.
 */

/**
 * The upper bounds of the buckets, in milliseconds: from a wake in the same process to an outage of an hour. A bucket holds
 * the durations up to its bound; the last bucket, which has no bound, holds the rest.
 */
export const bucketBoundsMs = [
  1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 300_000, 3_600_000,
] as const;

export const bucketCount = bucketBoundsMs.length + 1;

export interface Histogram {
  /** How many durations are in each bucket; `bucketCount` numbers. */
  readonly buckets: readonly number[];
  /** The longest duration, in whole milliseconds, rounded up; null if there is none, or it is not known. */
  readonly maxMs: number | null;
}

/** The figures of a histogram. Percentiles are estimates within a bucket; null if there are no durations. */
export interface DurationFigures {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

export const emptyHistogram: Histogram = Object.freeze({
  buckets: Object.freeze(new Array<number>(bucketCount).fill(0)),
  maxMs: null,
});

/** Counts durations one by one. */
export class DurationCounter {
  readonly #buckets = new Array<number>(bucketCount).fill(0);
  #maxMs = -1;

  /** @param ms less than 0 counts as 0: a clock may have been set back meanwhile */
  add(ms: number): void {
    let bucket = 0;
    while (bucket < bucketBoundsMs.length && ms > bucketBoundsMs[bucket]!) bucket++;
    this.#buckets[bucket]!++;
    this.#maxMs = Math.max(this.#maxMs, ms, 0);
  }

  get histogram(): Histogram {
    return { buckets: [...this.#buckets], maxMs: this.#maxMs < 0 ? null : Math.ceil(this.#maxMs) };
  }
}

export function addHistograms(one: Histogram, other: Histogram): Histogram {
  const maxMs = Math.max(one.maxMs ?? -1, other.maxMs ?? -1);
  return {
    buckets: one.buckets.map((count, bucket) => count + other.buckets[bucket]!),
    maxMs: maxMs < 0 ? null : maxMs,
  };
}

export function durationFigures({ buckets, maxMs }: Histogram): DurationFigures {
  const count = buckets.reduce((sum, each) => sum + each, 0);
  const percentile = (share: number) => (count === 0 ? null : valueAt(buckets, share * count, maxMs));
  return { count, p50Ms: percentile(0.5), p99Ms: percentile(0.99), maxMs: count === 0 ? null : maxMs };
}

/** The duration that a share of all durations, such as 0.95, does not exceed; null if there are none. */
export function percentileOf({ buckets, maxMs }: Histogram, share: number): number | null {
  const count = buckets.reduce((sum, each) => sum + each, 0);
  return count === 0 ? null : valueAt(buckets, share * count, maxMs);
}

/** The duration below which `rank` durations lie, as if those of a bucket lay evenly in it. */
function valueAt(buckets: readonly number[], rank: number, maxMs: number | null): number {
  let below = 0;
  let bucket = 0;
  while (below + buckets[bucket]! < rank) below += buckets[bucket++]!;
  const from = bucketBoundsMs[bucket - 1] ?? 0;
  // Without a longest duration, the last bucket says no more than its beginning.
  const to = Math.min(bucketBoundsMs[bucket] ?? maxMs ?? from, maxMs ?? Number.POSITIVE_INFINITY);
  const value = from + Math.max(0, to - from) * ((rank - below) / buckets[bucket]!);
  return Math.round(value * 10) / 10;
}
