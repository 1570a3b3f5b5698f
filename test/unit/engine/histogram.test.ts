import {
  addHistograms,
  bucketBoundsMs,
  bucketCount,
  DurationCounter,
  durationFigures,
  emptyHistogram,
} from '../../../src/engine/histogram.ts';

function counted(...durations: number[]) {
  const counter = new DurationCounter();
  for (const ms of durations) counter.add(ms);
  return counter.histogram;
}

const bucketOf = (ms: number) => counted(ms).buckets.indexOf(1);

describe('histograms of durations (S5)', () => {
  test('a bucket holds the durations up to its bound, the last one the rest', () => {
    for (const [bucket, bound] of bucketBoundsMs.entries()) {
      expect(bucketOf(bound)).toBe(bucket);
      expect(bucketOf(bound + 0.001)).toBe(bucket + 1);
    }
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(-5)).toBe(0);
    expect(emptyHistogram.buckets).toHaveLength(bucketCount);
  });

  test('the longest duration is in whole milliseconds, and not below 0', () => {
    expect(counted(3.6, 1).maxMs).toBe(4);
    expect(counted(-5).maxMs).toBe(0);
    expect(counted().maxMs).toBeNull();
  });

  test('histograms add up', () => {
    expect(addHistograms(counted(1, 3), counted(3, 9_000_000))).toEqual(counted(1, 3, 3, 9_000_000));
    expect(addHistograms(emptyHistogram, emptyHistogram)).toEqual(emptyHistogram);
    expect(addHistograms({ ...counted(3), maxMs: null }, counted(2)).maxMs).toBe(2);
  });

  test('percentiles lie within their bucket, and never above the longest duration', () => {
    expect(durationFigures(emptyHistogram)).toEqual({ count: 0, p50Ms: null, p99Ms: null, maxMs: null });
    // 100 durations in the bucket from 10 to 25.
    const even = counted(...Array.from({ length: 100 }, (_, index) => 11 + index / 10));
    expect(durationFigures(even)).toEqual({ count: 100, p50Ms: 15.5, p99Ms: 20.9, maxMs: 21 });
    const one = counted(2);
    expect(durationFigures(one)).toEqual({ count: 1, p50Ms: 1.5, p99Ms: 2, maxMs: 2 });
    // Without a longest duration, the last bucket says no more than its beginning.
    const long = { ...counted(4_000_000), maxMs: null };
    expect(durationFigures(long)).toMatchObject({ p99Ms: 3_600_000, maxMs: null });
    const mixed = counted(...new Array<number>(99).fill(0.5), 700_000);
    expect(durationFigures(mixed)).toMatchObject({ p50Ms: 0.5, p99Ms: 1 });
  });
});
