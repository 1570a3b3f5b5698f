import { nextSchedule, type RunResult } from '../../../../src/fleet/plan/schedule-policy.ts';

const settings = {
  idleFloorMs: 1_000,
  idleCeilingMs: 60_000,
  lookWithinMs: 3_600_000,
  failureCeilingMs: 600_000,
};
const idle: RunResult = { outcome: 'idle', more: false, nextDueInMs: null, heldForMs: null };

/** The schedule after a run that came after two idle runs or three failures. */
const after = (result: Partial<RunResult>, random = 1) =>
  nextSchedule({ ...idle, ...result }, { idle: 2, failure: 3 }, settings, () => random);

test.each<[string, Partial<RunResult>, ReturnType<typeof nextSchedule>]>([
  ['idle', {}, { mode: 'set', nextDueInMs: 8_000, idleStreak: 3, failureStreak: 0 }],
  [
    'idle, with a message due sooner',
    { nextDueInMs: 300 },
    { mode: 'set', nextDueInMs: 300, idleStreak: 3, failureStreak: 0 },
  ],
  [
    'idle, while another host has a queue',
    { heldForMs: 500 },
    { mode: 'at-most', nextDueInMs: 1_500, idleStreak: 3, failureStreak: 0 },
  ],
  [
    'all dispatched',
    { outcome: 'dispatched' },
    { mode: 'set', nextDueInMs: 1_000, idleStreak: 0, failureStreak: 0 },
  ],
  [
    'a backlog is left',
    { outcome: 'dispatched', more: true },
    { mode: 'set', nextDueInMs: 0, idleStreak: 0, failureStreak: 0 },
  ],
  [
    'skipped',
    { outcome: 'skipped', heldForMs: 20_000 },
    { mode: 'at-most', nextDueInMs: 21_000, idleStreak: 2, failureStreak: 3 },
  ],
  [
    'skipped, and the end of the other lease is not known',
    { outcome: 'skipped' },
    { mode: 'at-most', nextDueInMs: 1_000, idleStreak: 2, failureStreak: 3 },
  ],
  [
    'resuming',
    { outcome: 'resuming' },
    { mode: 'set', nextDueInMs: 15_000, idleStreak: 2, failureStreak: 3 },
  ],
  [
    'failed for the fourth time',
    { outcome: 'failed' },
    { mode: 'set', nextDueInMs: 40_000, idleStreak: 0, failureStreak: 4 },
  ],
])('F5: the schedule after a run: %s', (_, result, schedule) => {
  expect(after(result)).toEqual(schedule);
});

test('F5: the jitter of a failure covers the upper half of the interval, in whole milliseconds', () => {
  const delays = [0, 0.5, 0.99999].map((random) => after({ outcome: 'failed' }, random).nextDueInMs);
  expect(delays).toEqual([20_000, 30_000, 40_000]);
});

test('F5: after any number of idle or failed runs the interval is the ceiling', () => {
  const streaks = { idle: 10_000, failure: 10_000 };
  const longest = (outcome: RunResult['outcome']) =>
    nextSchedule({ ...idle, outcome }, streaks, settings, () => 1).nextDueInMs;
  expect([longest('idle'), longest('failed')]).toEqual([60_000, 600_000]);
});
