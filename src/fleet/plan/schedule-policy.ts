import type { RunOutcome, TenantReport } from '../../engine/tenant-report.ts';
import type { Settings } from '../../settings.ts';

/** The result of a run, from which the next schedule is computed (F5). */
export interface RunResult {
  readonly outcome: RunOutcome;
  /** Whether the run left due messages. */
  readonly more: boolean;
  /** Milliseconds until the next message is due, if known. */
  readonly nextDueInMs: number | null;
  /** Milliseconds until another run should go on to remove Done messages (Q12); absent or null if none are left. */
  readonly purgeInMs?: number | null;
  /**
   * When another run has the lease of one of the tenant's queues: milliseconds until that lease runs out; otherwise
   * null.
   */
  readonly heldForMs: number | null;
}

export interface Streaks {
  readonly idle: number;
  readonly failure: number;
}

export type ScheduleSettings = Settings['schedule'];
/**
 * Milliseconds: the first interval after a failed run, unless the ceiling is shorter. One restart of a server
 * or a network takes about this long. The interval doubles from here, so a longer outage soon costs few
 * attempts.
 */
export const failureFloorMs = 5_000;
/**
 * Milliseconds between runs while a serverless database resumes. That takes about a minute, so the database
 * is asked a few times, with one login each time.
 */
export const resumingMs = 15_000;

export type NextSchedule = TenantReport['schedule'];

/**
 * Computes when a tenant is due again (F5). A pure function: the same result, streaks and random number give
 * the same schedule.
 *
 * - A backlog is left: due now. If the caller sends a continuation, the registry chooses the tenant instead.
 * - All is dispatched, or the tenant was idle: due after the idle interval, which doubles from the floor to
 *   the ceiling with every idle run in a row; or when the next message is known to be due, or Done messages are to be
 *   removed, if that is sooner.
 * - The run was skipped: due at the latest when the other run's lease runs out. The other run reports for
 *   itself.
 * - Dispatched or idle, but another run has the lease of one queue: due at the latest when that lease runs
 *   out. The due time can only become earlier, because the stored due time may come from the other run's own report,
 *   or may be the plan's redispatch time, which counts if the other run has died.
 * - The database is resuming from auto-pause: due after a fixed interval. This is not a failure.
 * - The run failed: due after a backoff that doubles up to its ceiling, with jitter over its upper half.
 *
 * In every case the tenant is due within `lookWithinMs`, so that a message whose wake was lost starts by then (F6).
 */
export function nextSchedule(
  result: RunResult,
  streaks: Streaks,
  settings: ScheduleSettings,
  random: () => number = Math.random,
): NextSchedule {
  const wanted = wantedSchedule(result, streaks, settings, random);
  return { ...wanted, nextDueInMs: sooner(wanted.nextDueInMs, settings.lookWithinMs) };
}

function wantedSchedule(
  result: RunResult,
  streaks: Streaks,
  settings: ScheduleSettings,
  random: () => number,
): NextSchedule {
  const keep = { idleStreak: streaks.idle, failureStreak: streaks.failure };
  const mode = result.heldForMs === null ? 'set' : 'at-most';
  const afterHolderMs = result.heldForMs === null ? null : result.heldForMs + settings.idleFloorMs;
  const known = sooner(result.nextDueInMs, result.purgeInMs ?? null);
  switch (result.outcome) {
    case 'skipped':
      return {
        ...keep,
        mode: 'at-most',
        nextDueInMs: sooner(known, afterHolderMs ?? settings.idleFloorMs),
      };
    case 'resuming':
      return { ...keep, mode, nextDueInMs: resumingMs };
    case 'failed': {
      const failureStreak = streaks.failure + 1;
      const interval = doubled(failureFloorMs, failureStreak - 1, settings.failureCeilingMs);
      const nextDueInMs = Math.round(interval * (0.5 + 0.5 * random()));
      return { mode, nextDueInMs, idleStreak: 0, failureStreak };
    }
    case 'dispatched':
    case 'idle': {
      if (result.more) {
        return { mode, nextDueInMs: 0, idleStreak: 0, failureStreak: 0 };
      }
      const idleStreak = result.outcome === 'idle' ? streaks.idle + 1 : 0;
      const nextDueInMs = sooner(idleInterval(idleStreak, settings), sooner(known, afterHolderMs));
      return { mode, nextDueInMs, idleStreak, failureStreak: 0 };
    }
  }
}

function idleInterval(streak: number, { idleFloorMs, idleCeilingMs }: ScheduleSettings): number | null {
  return idleCeilingMs === 'never' ? null : doubled(idleFloorMs, streak, idleCeilingMs);
}

function doubled(floorMs: number, times: number, ceilingMs: number): number {
  return Math.min(ceilingMs, floorMs * 2 ** times);
}

function sooner(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
