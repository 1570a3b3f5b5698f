import type { RunOutcome, TenantReport } from '../../engine/registry.ts';
import type { Settings } from '../../settings.ts';

/** What the schedule after a run depends on (F5). */
export interface RunResult {
  readonly outcome: RunOutcome;
  /** Messages that were due are left. */
  readonly more: boolean;
  /** Milliseconds until the next message is due, if known. */
  readonly nextDueInMs: number | null;
  /** When another holder has a queue of the tenant: milliseconds until his lease runs out. */
  readonly heldForMs: number | null;
  /**
   * Somebody carries on with the backlog by himself: milliseconds until the tenant is due again in case he does
   * not. Absent: nobody does.
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
 * When a tenant is due again (F5). Pure: the same result, streaks and random number give the same schedule.
 *
 * - backlog left: now; or, while whoever dispatches carries on by himself, once that should have shown
 * - dispatched all, or idle: after the idle interval, which doubles from the floor to the ceiling with every idle
 *   run in a row; or when the next message is known to be due, if that is sooner
 * - skipped: when the other holder's lease runs out, at the latest; the holder reports for itself
 * - one queue held by somebody else, others served: at the latest then, too. The due time is only brought forward: what
 *   stands there may be the holder's own report, or the plan's precaution in case he is dead
 * - resuming from auto-pause: after a fixed interval; it is no failure
 * - failed: after a backoff that doubles to its ceiling, with jitter over its upper half
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
