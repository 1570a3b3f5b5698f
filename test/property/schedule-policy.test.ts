import fc from 'fast-check';
import { runOutcomes } from '../../src/engine/tenant-report.ts';
import {
  failureFloorMs,
  nextSchedule,
  type RunResult,
  resumingMs,
  type ScheduleSettings,
} from '../../src/fleet/plan/schedule-policy.ts';
import { loadSettings } from '../../src/settings.ts';

const days = 86_400_000;
const settings: fc.Arbitrary<ScheduleSettings> = fc.record({
  idleFloorMs: fc.integer({ min: 1, max: days }),
  idleCeilingMs: fc.oneof(fc.constant('never' as const), fc.integer({ min: 1, max: 365 * days })),
  lookWithinMs: fc.integer({ min: 1, max: 365 * days }),
  failureCeilingMs: fc.integer({ min: 1, max: 30 * days }),
});
const durations = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 365 * days }));
const ofRun = {
  outcome: fc.constantFrom(...runOutcomes),
  more: fc.boolean(),
  nextDueInMs: durations,
};
const results: fc.Arbitrary<RunResult> = fc.record({ ...ofRun, heldForMs: durations });
/** No other host holds a queue of the tenant. */
const unheld: fc.Arbitrary<RunResult> = fc.record({ ...ofRun, heldForMs: fc.constant(null) });
const streaks = fc.record({ idle: fc.nat(10_000), failure: fc.nat(10_000) });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const served = fc.constantFrom('dispatched' as const, 'idle' as const);

const defaults = loadSettings({}, {}).schedule;
const idle: RunResult = { outcome: 'idle', more: false, nextDueInMs: null, heldForMs: null };

describe('the schedule after a run (F5)', () => {
  test('F5: whatever happened, the interval is whole milliseconds, never negative, within its ceiling', () => {
    fc.assert(
      fc.property(results, streaks, settings, randoms, (result, before, given, random) => {
        const next = nextSchedule(result, before, given, () => random);
        expect(next.idleStreak).toBeGreaterThanOrEqual(0);
        expect(next.failureStreak).toBeGreaterThanOrEqual(0);
        expect(Number.isInteger(next.nextDueInMs)).toBe(true);
        expect(next.nextDueInMs).toBeGreaterThanOrEqual(0);
        const afterHolder = (result.heldForMs ?? 0) + given.idleFloorMs;
        const known = Math.max(result.nextDueInMs ?? 0, afterHolder, given.lookWithinMs);
        const ceiling = {
          skipped: afterHolder,
          resuming: resumingMs,
          failed: given.failureCeilingMs,
          dispatched: given.idleCeilingMs === 'never' ? known : given.idleCeilingMs,
          idle: given.idleCeilingMs === 'never' ? known : given.idleCeilingMs,
        }[result.outcome];
        expect(next.nextDueInMs).toBeLessThanOrEqual(ceiling);
      }),
    );
  });

  test('F6: whatever happened, the tenant is looked at within the bound', () => {
    fc.assert(
      fc.property(results, streaks, settings, randoms, (result, before, given, random) => {
        const next = nextSchedule(result, before, given, () => random);
        expect(next.nextDueInMs).not.toBeNull();
        expect(next.nextDueInMs).toBeLessThanOrEqual(given.lookWithinMs);
      }),
    );
  });

  test('F6: the bound changes no interval that is within it', () => {
    fc.assert(
      fc.property(results, streaks, settings, randoms, (result, before, given, random) => {
        const longest = nextSchedule(result, before, { ...given, lookWithinMs: 365 * days }, () => random);
        const bounded = nextSchedule(result, before, given, () => random);
        const nextDueInMs = Math.min(longest.nextDueInMs ?? given.lookWithinMs, given.lookWithinMs);
        expect(bounded).toEqual({ ...longest, nextDueInMs });
      }),
    );
  });

  test('F5: pure: the same in gives the same out', () => {
    fc.assert(
      fc.property(results, streaks, settings, randoms, (result, before, given, random) => {
        const once = nextSchedule(result, before, given, () => random);
        expect(nextSchedule(result, before, given, () => random)).toEqual(once);
      }),
    );
  });

  test('F5: backlog left means due now, and ends every streak', () => {
    fc.assert(
      fc.property(unheld, served, streaks, settings, (result, outcome, before, given) => {
        expect(nextSchedule({ ...result, outcome, more: true }, before, given)).toEqual({
          mode: 'set',
          nextDueInMs: 0,
          idleStreak: 0,
          failureStreak: 0,
        });
      }),
    );
  });

  test('F5, Q11: a known next due time overrides a longer interval, and never lengthens one', () => {
    fc.assert(
      fc.property(
        unheld,
        served,
        streaks,
        settings,
        fc.integer({ min: 0, max: 365 * days }),
        (result, outcome, before, given, nextDueInMs) => {
          const of = (inMs: number | null) =>
            nextSchedule({ ...result, outcome, more: false, nextDueInMs: inMs }, before, given).nextDueInMs;
          expect(of(nextDueInMs)).toBe(Math.min(of(null)!, nextDueInMs));
        },
      ),
    );
  });

  test("F6: a ceiling of 'never' means: only wakes, known due times and the bound", () => {
    fc.assert(
      fc.property(unheld, served, streaks, settings, (result, outcome, before, given) => {
        const next = nextSchedule({ ...result, outcome, more: false }, before, {
          ...given,
          idleCeilingMs: 'never',
        });
        expect(next.nextDueInMs).toBe(Math.min(result.nextDueInMs ?? given.lookWithinMs, given.lookWithinMs));
      }),
    );
  });

  test('F5: idle run after idle run the interval doubles from the floor to the ceiling, and stays there', () => {
    let streak = 0;
    const intervals = Array.from({ length: 10 }, () => {
      const next = nextSchedule(idle, { idle: streak, failure: 0 }, defaults);
      streak = next.idleStreak;
      return next.nextDueInMs;
    });
    expect(intervals).toEqual([4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map((seconds) => seconds * 1_000));
    const busy = nextSchedule({ ...idle, outcome: 'dispatched' }, { idle: streak, failure: 0 }, defaults);
    expect(busy).toEqual({ mode: 'set', nextDueInMs: 2_000, idleStreak: 0, failureStreak: 0 });
  });

  test('F5: after a failure the interval doubles, with jitter over its upper half, and the streak grows', () => {
    fc.assert(
      fc.property(unheld, streaks, settings, randoms, (result, before, given, random) => {
        const next = nextSchedule({ ...result, outcome: 'failed' }, before, given, () => random);
        const interval = Math.min(given.failureCeilingMs, failureFloorMs * 2 ** Math.min(before.failure, 60));
        expect(next).toMatchObject({ mode: 'set', idleStreak: 0, failureStreak: before.failure + 1 });
        expect(next.nextDueInMs).toBeGreaterThanOrEqual(
          Math.min(Math.floor(interval / 2), given.lookWithinMs),
        );
        expect(next.nextDueInMs).toBeLessThanOrEqual(interval);
      }),
    );
  });

  test('F5: a run that succeeds ends the failure streak', () => {
    fc.assert(
      fc.property(unheld, served, streaks, settings, (result, outcome, before, given) => {
        expect(nextSchedule({ ...result, outcome }, before, given).failureStreak).toBe(0);
      }),
    );
  });

  test('F5: a resuming database is not a failure: streaks stay, and it is retried soon', () => {
    fc.assert(
      fc.property(unheld, streaks, settings, (result, before, given) => {
        expect(nextSchedule({ ...result, outcome: 'resuming' }, before, given)).toEqual({
          mode: 'set',
          nextDueInMs: Math.min(resumingMs, given.lookWithinMs),
          idleStreak: before.idle,
          failureStreak: before.failure,
        });
      }),
    );
  });

  test('D1: a skipped run leaves the schedule to the holder: it only brings the due time forward', () => {
    fc.assert(
      fc.property(results, streaks, settings, (result, before, given) => {
        const next = nextSchedule({ ...result, outcome: 'skipped' }, before, given);
        expect(next).toMatchObject({
          mode: 'at-most',
          idleStreak: before.idle,
          failureStreak: before.failure,
        });
        const afterHolder = (result.heldForMs ?? 0) + given.idleFloorMs;
        const wanted = Math.min(result.nextDueInMs ?? afterHolder, afterHolder);
        expect(next.nextDueInMs).toBe(Math.min(wanted, given.lookWithinMs));
      }),
    );
  });

  test('D1: while another host holds one of the queues, the due time is never delayed, and is at the latest the end of that lease', () => {
    const held = fc.integer({ min: 0, max: days });
    fc.assert(
      fc.property(unheld, held, streaks, settings, randoms, (result, heldForMs, before, given, random) => {
        const next = nextSchedule({ ...result, heldForMs }, before, given, () => random);
        expect(next.mode).toBe('at-most');
        if (result.outcome === 'failed' || result.outcome === 'resuming') return;
        expect(next.nextDueInMs).not.toBeNull();
        expect(next.nextDueInMs).toBeLessThanOrEqual(heldForMs + given.idleFloorMs);
      }),
    );
  });
});
