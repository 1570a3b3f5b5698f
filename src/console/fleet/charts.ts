/** What the fleet did, in equal steps, for the charts of the pulse. */
import { percentileOf } from '../../engine/histogram.ts';
import type { HistoryDurations } from '../../fleet/operations/history.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';

const minuteMs = 60_000;

/** About 60 to 100 points each. */
const spans = {
  '1h': { spanMs: 60 * minuteMs, stepMs: minuteMs },
  '6h': { spanMs: 360 * minuteMs, stepMs: 5 * minuteMs },
  '24h': { spanMs: 1_440 * minuteMs, stepMs: 15 * minuteMs },
  '7d': { spanMs: 10_080 * minuteMs, stepMs: 120 * minuteMs },
} as const;
export type SpanName = keyof typeof spans;
export const spanNames = Object.keys(spans) as SpanName[];

/** Milliseconds; null where nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface ChartPoint {
  readonly utc: string;
  /** Messages that were done, and attempts that failed. */
  readonly done: number;
  readonly failed: number;
  readonly wait: Percentiles;
  readonly handle: Percentiles;
  /** How long the tenant that became due first had waited, at most, at a plan of this step; null without a plan or a due tenant. */
  readonly oldestDueMs: number | null;
  /** Whether a plan was made: without one, nobody knows whether tenants were due. */
  readonly planned: boolean;
}

export interface FleetCharts {
  readonly stepMs: number;
  /** Every step, the oldest first; the last one goes on. */
  readonly points: readonly ChartPoint[];
}

export async function fleetCharts(
  { history }: Pick<MultiOutbox, 'history'>,
  span: SpanName,
  now: Date,
): Promise<FleetCharts> {
  const { spanMs, stepMs } = spans[span];
  const read = await history({ since: spanMs, step: stepMs });
  const found = new Map(read.points.map((point) => [point.utc.getTime(), point]));
  const last = Math.floor(now.getTime() / stepMs) * stepMs;
  const points: ChartPoint[] = [];
  for (let at = last - spanMs + stepMs; at <= last; at += stepMs) {
    const point = found.get(at);
    points.push({
      utc: new Date(at).toISOString(),
      done: point?.counts.done ?? 0,
      failed: point === undefined ? 0 : point.counts.retried + point.counts.dead,
      wait: percentiles(point?.wait),
      handle: percentiles(point?.handle),
      oldestDueMs: point?.state?.oldestDueMs ?? null,
      planned: point?.state != null,
    });
  }
  return { stepMs, points };
}

function percentiles(durations: HistoryDurations | undefined): Percentiles {
  if (durations === undefined) return { p50: null, p95: null, p99: null };
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentileOf(durations, share));
  return { p50: p50!, p95: p95!, p99: p99! };
}
