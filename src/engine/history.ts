/**
 * The history that a registry keeps: the fleet by minute and each tenant by hour. The reports of runs that did something
 * add to both; plans write the fleet's state. Both are read without touching a tenant's database (F6).
 */
import type { Histogram } from './histogram.ts';
import type { RunCounts } from './run-counts.ts';

export const hourMs = 3_600_000;
export const minuteMs = 60_000;
export const fleetHistoryMs = 7 * 24 * hourMs;
export const tenantHistoryMs = 14 * 24 * hourMs;

/**
 * The most rows of each kind that one minute's plan removes. 100,000 tenants that are active every hour give 1,700 a minute
 * to remove, and removing so many takes milliseconds.
 */
export const mostHistoryPurged = 4_000;

/** What the runs of one period did, in a tenant or in the fleet. */
export interface HistoryFlow {
  /** The runs that did something: those that claimed messages or failed. */
  readonly runs: number;
  /** Those that failed, for instance because the database could not be reached. */
  readonly failedRuns: number;
  readonly counts: RunCounts;
  /** How long messages waited, from their due times to the starts of their handlers. */
  readonly wait: Histogram;
  /** How long handlers took. */
  readonly handle: Histogram;
}

/** A tenant's runs in the hour that begins at `utc`. Hours without a run that did something are missing. */
export interface TenantHour extends HistoryFlow {
  readonly utc: Date;
}

/** The fleet's state at the first plan of a minute, by the last reports. */
export interface FleetGauges {
  /** Active tenants. */
  readonly active: number;
  readonly due: number;
  readonly withBacklog: number;
  readonly failing: number;
  readonly withFailingTopics: number;
  readonly withDead: number;
  /** Messages that are Dead. */
  readonly dead: number;
  /** Milliseconds; null if no tenant was due. */
  readonly oldestDueMs: number | null;
}

/**
 * The fleet in the minute that begins at `utc`: its state, and what was reported in this minute. Minutes without a plan
 * and without a report of a run that did something are missing. `maxMs` of the histograms is not known.
 */
export interface FleetMinute extends HistoryFlow {
  readonly utc: Date;
  /** Null in a minute without a plan. */
  readonly state: FleetGauges | null;
}
