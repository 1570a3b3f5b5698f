import {
  addHistograms,
  type DurationFigures,
  durationFigures,
  type Histogram,
} from '../../engine/histogram.ts';
import {
  type FleetGauges,
  type FleetMinute,
  fleetHistoryMs,
  type HistoryFlow,
  hourMs,
  minuteMs,
  type TenantHour,
  tenantHistoryMs,
} from '../../engine/history.ts';
import type { Registry, RunCounts } from '../../engine/registry.ts';
import { MultiOutboxError, shownValue } from '../../errors.ts';
import { addCounts } from '../../queue/tally.ts';
import { type DurationInput, parseDuration } from '../../settings.ts';

export interface HistoryOptions {
  /** Absent: the whole fleet. */
  readonly tenant?: string;
  /**
   * How far back, in milliseconds or as text such as '6h'. Default: an hour for the fleet, a day for a tenant. The registry
   * keeps the fleet for 7 days and each tenant for 14 days.
   */
  readonly since?: DurationInput;
  /** The length of a point, in the same forms. Default, and the least: a minute for the fleet, an hour for a tenant. */
  readonly step?: DurationInput;
}

/** Durations of one point: their figures, and how many are in each bucket of `bucketBoundsMs`. */
export interface HistoryDurations extends DurationFigures {
  readonly buckets: readonly number[];
}

/** What happened from `utc` on, for one step. */
export interface HistoryPoint {
  readonly utc: Date;
  /** The runs that claimed messages or failed, and those that failed. */
  readonly runs: number;
  readonly failedRuns: number;
  readonly counts: RunCounts;
  /** How long messages waited, from their due times to the starts of their handlers. */
  readonly wait: HistoryDurations;
  /** How long handlers took. */
  readonly handle: HistoryDurations;
  /** Of the fleet: the greatest value of each figure in the step; null if no plan was made in it. Absent in a tenant's history. */
  readonly state?: FleetGauges | null;
}

/** Plain values, so that it can be sent as JSON. */
export interface History {
  /** Null: the whole fleet. */
  readonly tenant: string | null;
  readonly sinceMs: number;
  readonly stepMs: number;
  /** The oldest first. Steps in which nothing was recorded are missing. */
  readonly points: readonly HistoryPoint[];
}

/** @throws INVALID_ARGUMENT, or the registry's error */
export async function readHistory(
  registry: Registry,
  { tenant, since, step }: HistoryOptions,
): Promise<History> {
  const [finestMs, longestMs] = tenant === undefined ? [minuteMs, fleetHistoryMs] : [hourMs, tenantHistoryMs];
  const sinceMs = Math.min(
    longestMs,
    durationOf('since', since ?? (tenant === undefined ? hourMs : 24 * hourMs)),
  );
  const stepMs = Math.max(finestMs, durationOf('step', step ?? finestMs));
  const periods: readonly (FleetMinute | TenantHour)[] =
    tenant === undefined
      ? await registry.fleetHistory(sinceMs)
      : await registry.tenantHistory(tenant, sinceMs);
  const bySteps = new Map<number, (FleetMinute | TenantHour)[]>();
  for (const period of periods) {
    const utc = Math.floor(period.utc.getTime() / stepMs) * stepMs;
    bySteps.set(utc, [...(bySteps.get(utc) ?? []), period]);
  }
  const points = [...bySteps].map(([utc, inStep]) => pointOf(new Date(utc), inStep));
  return { tenant: tenant ?? null, sinceMs, stepMs, points };
}

function durationOf(name: string, given: DurationInput): number {
  const ms = parseDuration(given);
  if (ms !== null && ms > 0) return ms;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `history: ${name} is ${shownValue(given)}; it must be a duration above 0, in milliseconds or as text such as '6h'.`,
  );
}

function pointOf(utc: Date, periods: readonly (FleetMinute | TenantHour)[]): HistoryPoint {
  const sum = periods.map<HistoryFlow>((period) => period).reduce(addFlows);
  const states = periods.flatMap((period) => ('state' in period && period.state ? [period.state] : []));
  return {
    utc,
    runs: sum.runs,
    failedRuns: sum.failedRuns,
    counts: sum.counts,
    wait: durations(sum.wait),
    handle: durations(sum.handle),
    ...('state' in periods[0]! && { state: states.length === 0 ? null : states.reduce(worstOf) }),
  };
}

function addFlows(one: HistoryFlow, other: HistoryFlow): HistoryFlow {
  return {
    runs: one.runs + other.runs,
    failedRuns: one.failedRuns + other.failedRuns,
    counts: addCounts(one.counts, other.counts),
    wait: addHistograms(one.wait, other.wait),
    handle: addHistograms(one.handle, other.handle),
  };
}

function durations(histogram: Histogram): HistoryDurations {
  return { ...durationFigures(histogram), buckets: histogram.buckets };
}

function worstOf(one: FleetGauges, other: FleetGauges): FleetGauges {
  const worst = {} as Record<keyof FleetGauges, number | null>;
  for (const name of Object.keys(one) as (keyof FleetGauges)[]) {
    const values = [one[name], other[name]].filter((value) => value !== null);
    worst[name] = values.length === 0 ? null : Math.max(...values);
  }
  return worst as unknown as FleetGauges;
}
