import { timerDelayMs } from '../../src/timer-delay.ts';

test.each([
  [0, 0],
  [1.5, 1.5],
  // Node warns of a negative delay.
  [-0.45, 0],
  [Number.NEGATIVE_INFINITY, 0],
  [2_147_483_647, 2_147_483_647],
  // Node would fire the timer at once.
  [2_147_483_648, 2_147_483_647],
  [Number.POSITIVE_INFINITY, 2_147_483_647],
])('a timer of %p ms gets a delay of %p ms', (ms, expected) => {
  expect(timerDelayMs(ms)).toBe(expected);
});
