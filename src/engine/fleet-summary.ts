/** What the registry knows of the whole fleet (F6). */

import type { RunCounts } from './run-counts.ts';
import type { TenantStatus } from './tenant-status.ts';
import type { CountName } from './work-queue.ts';

/** Numbers of failed runs in a row. */
export const streakRanges = ['1', '2-4', '5-9', '10+'] as const;
export type StreakRange = (typeof streakRanges)[number];

/** Aggregates over the registry's last reports; no tenant database is touched (F6). Ages are by the registry's clock. */
export interface FleetSummary {
  readonly tenants: Readonly<Record<TenantStatus, number>>;
  /** How many active tenants are due now. */
  readonly due: number;
  /** How long the tenant that became due first has been due, in milliseconds; null when no tenant is due. */
  readonly oldestDueMs: number | null;
  readonly withBacklog: number;
  /** How many active tenants have a failure streak. */
  readonly failing: number;
  /** The same tenants by the length of their failure streak. */
  readonly failingByStreak: Readonly<Record<StreakRange, number>>;
  /** The longest failure streak of an active tenant. */
  readonly longestFailureStreak: number;
  /** How many active tenants have topics that fail now. */
  readonly withFailingTopics: number;
  /** How many tenants that are not retired have dead messages. */
  readonly withDead: number;
  /** What the queues of tenants that are not retired hold, as of their last counts. */
  readonly stored: Readonly<Record<CountName, number>> & {
    /** The sums that stand for as many or more. */
    readonly atLeast: readonly CountName[];
    /** Milliseconds since the oldest due message became due, if it still waits; null if no count found one. */
    readonly oldestDueAgeMs: number | null;
    /** Milliseconds since the oldest of the counts; null without any. */
    readonly oldestCountMs: number | null;
  };
  /**
   * The longest of the tenants' `longestWaitMs` that was reported in the last 24 hours, retired tenants left out, and how long
   * ago that was, in milliseconds. Null if no run has started a message since.
   */
  readonly longestWaitMs: number | null;
  readonly longestWaitAgeMs: number | null;
  /** With several planners: the sums of the ranges' last plans, and when the range was planned that has waited the longest. */
  readonly lastPlan: {
    readonly utc: Date;
    readonly ageMs: number;
    readonly due: number;
    readonly chosen: number;
  } | null;
  readonly totals: RunCounts;
  /**
   * The queue messages that were given up since the registry was created, with and without a tenant, and when the last
   * one was.
   */
  readonly poisoned: { readonly total: number; readonly lastUtc: Date | null };
}
