/** The history's rows, whose columns have the same names in every engine. */
import type { FleetSummary } from './fleet-summary.ts';
import { bucketCount, type Histogram } from './histogram.ts';
import type { FleetGauges, FleetMinute, HistoryFlow, TenantHour } from './history.ts';
import type { RunCounts } from './run-counts.ts';
import type { TenantReport } from './tenant-report.ts';

const countColumns = {
  done: 'Done',
  retried: 'Retried',
  dead: 'Dead',
  released: 'Released',
  parked: 'Parked',
  lost: 'Lost',
  recovered: 'Recovered',
} as const satisfies Record<keyof RunCounts, string>;

const countNames = Object.keys(countColumns) as (keyof RunCounts)[];

const bucketColumns = (kind: string) =>
  Array.from({ length: bucketCount }, (_, bucket) => `${kind}${bucket}`);
const waitColumns = bucketColumns('Wait');
const handleColumns = bucketColumns('Handle');

/** The columns of both tables whose values can be added. */
export const flowColumns: readonly string[] = [
  'Runs',
  'FailedRuns',
  ...Object.values(countColumns),
  ...waitColumns,
  ...handleColumns,
];

/** The columns of a tenant's hour that keep the greatest value. */
export const longestColumns = ['WaitMaxMs', 'HandleMaxMs'] as const;

export const gaugeColumns = {
  active: 'Active',
  due: 'Due',
  withBacklog: 'WithBacklog',
  failing: 'Failing',
  withFailingTopics: 'WithFailingTopics',
  withDead: 'WithDead',
  dead: 'DeadNow',
  oldestDueMs: 'OldestDueMs',
} as const satisfies Record<keyof FleetGauges, string>;

/** The columns of a tenant's hour, in the order of `reportedFlow`. */
export const reportedColumns: readonly string[] = [...flowColumns, ...longestColumns];

/** What a report adds to its tenant's hour, by column; null if the run did nothing, or the history is off. */
export function reportedFlow({ outcome, counts, times }: TenantReport): number[] | null {
  if (times === undefined || (outcome !== 'dispatched' && outcome !== 'failed')) return null;
  const { wait, handle } = times;
  return [
    1,
    outcome === 'failed' ? 1 : 0,
    ...countNames.map((name) => counts[name] ?? 0),
    ...wait.buckets,
    ...handle.buckets,
    wait.maxMs ?? 0,
    handle.maxMs ?? 0,
  ];
}

export function fleetGauges(fleet: FleetSummary): Record<keyof FleetGauges, number | null> {
  const { tenants, due, withBacklog, failing, withFailingTopics, withDead, stored, oldestDueMs } = fleet;
  return {
    active: tenants.active,
    due,
    withBacklog,
    failing,
    withFailingTopics,
    withDead,
    dead: stored.dead,
    oldestDueMs,
  };
}

type Values = Readonly<Record<string, unknown>>;

/** Numbers that another program has changed count as 0 if they are negative or no numbers (Q15). */
const countOf = (row: Values, column: string) => Math.max(0, Number(row[column]) || 0);

function flowOf(row: Values, hasMax: boolean): HistoryFlow {
  const histogram = (columns: readonly string[], maxColumn: string): Histogram => {
    const buckets = columns.map((column) => countOf(row, column));
    const isEmpty = buckets.every((count) => count === 0);
    return { buckets, maxMs: hasMax && !isEmpty ? countOf(row, maxColumn) : null };
  };
  const counts: Record<string, number> = {};
  for (const [name, column] of Object.entries(countColumns)) counts[name] = countOf(row, column);
  return {
    runs: countOf(row, 'Runs'),
    failedRuns: countOf(row, 'FailedRuns'),
    counts: counts as unknown as RunCounts,
    wait: histogram(waitColumns, 'WaitMaxMs'),
    handle: histogram(handleColumns, 'HandleMaxMs'),
  };
}

/** @param utc the row's time, as the engine has read it */
export function tenantHour(utc: Date, row: Values): TenantHour {
  return { utc, ...flowOf(row, true) };
}

/** @param utc the row's time, as the engine has read it */
export function fleetMinute(utc: Date, row: Values): FleetMinute {
  const gauge = (name: keyof FleetGauges) => countOf(row, gaugeColumns[name]);
  return {
    utc,
    state:
      row.Active === null
        ? null
        : {
            active: gauge('active'),
            due: gauge('due'),
            withBacklog: gauge('withBacklog'),
            failing: gauge('failing'),
            withFailingTopics: gauge('withFailingTopics'),
            withDead: gauge('withDead'),
            dead: gauge('dead'),
            oldestDueMs: row.OldestDueMs === null ? null : gauge('oldestDueMs'),
          },
    ...flowOf(row, false),
  };
}
