import type { RunOutcome, TenantReport } from '../../engine/registry.ts';
import type { Settings } from '../../settings.ts';

/** The result of a run, from which the next schedule is computed (F5). */
export interface RunResult {
  readonly outcome: RunOutcome;
  /** Whether the run left due messages. */
  readonly more: boolean;
  /** Milliseconds until the next message is due, if known. */
  readonly nextDueInMs: number | null;
  /**
   * When another run has the lease of one of the tenant's queues: milliseconds until that lease runs out; otherwise
   * null.
   */
  readonly heldForMs: number | null;
  /**
   * When the caller sends a continuation for the backlog: milliseconds until the tenant is due again, in case the
   * continuation is lost.
   */
  readonly continuedForMs?: number;
}

export interface Streaks {
  readonly idle: number;
  readonly failure: number;
}

export type ScheduleSettings = Settings['schedule'];
/**
 * The first interval after a failed run; the ceiling is its upper bound. One restart of a server or a network takes about
 * this long, and the interval doubles from here, so a longer outage soon costs few attempts.
 */
export const failureFloorMs = 5_000;
/** A serverless database resumes within about a minute: it is asked a few times, and each look is one login. */
export const resumingMs = 15_000;

export type NextSchedule = TenantReport['schedule'];

/**
 * Computes when a tenant is due again (F5). A pure function: the same result, streaks and random number give the same
 * schedule.
 *
 * - backlog left: now; or, if the caller sends a continuation, when that should have been reported
 * - all dispatched, or idle: after the idle interval, which doubles from the floor to the ceiling with every idle run
 *   in a row; or at the next message's known due time, if that is sooner
 * - skipped: at the latest when the other run's lease runs out; that run reports for itself
 * - dispatched or idle, but another run has the lease of one queue: at the latest when that lease runs out. The due time
 *   can only become earlier, because the stored one may be the other run's own report, or the plan's redispatch time
 *   in case that run has died
 * - resuming from auto-pause: after a fixed interval; it is not a failure
 * - failed: after a backoff that doubles up to its ceiling, with jitter over its upper half
 */
export function nextSchedule(
  result: RunResult,
  streaks: Streaks,
  settings: ScheduleSettings,
  random: () => number = Math.random,
): NextSchedule {
  const keep = { idleStreak: streaks.idle, failureStreak: streaks.failure };
  const mode = result.heldForMs === null ? 'set' : 'at-most';
  const afterHolderMs = result.heldForMs === null ? null : result.heldForMs + settings.idleFloorMs;
  switch (result.outcome) {
    case 'skipped':
      return {
        ...keep,
        mode: 'at-most',
        nextDueInMs: sooner(result.nextDueInMs, afterHolderMs ?? settings.idleFloorMs),
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
        const nextDueInMs = result.continuedForMs ?? 0;
        return { mode, nextDueInMs, idleStreak: 0, failureStreak: 0 };
      }
      const idleStreak = result.outcome === 'idle' ? streaks.idle + 1 : 0;
      const known = sooner(result.nextDueInMs, afterHolderMs);
      const nextDueInMs = sooner(idleInterval(idleStreak, settings), known);
      return { mode, nextDueInMs, idleStreak, failureStreak: 0 };
    }
  }
}

function idleInterval(streak: number, { idleFloorMs, idleCeilingMs }: ScheduleSettings): number | null {
  return idleCeilingMs === 'never' ? null : doubled(idleFloorMs, streak, idleCeilingMs);
}

function doubled(floorMs: number, times: number, ceilingMs: number): number {
  return Math.min(ceilingMs, floorMs * 2 ** Math.min(times, 60));
}

function sooner(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
