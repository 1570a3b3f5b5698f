/** A quantile is one of the measured values. */
import { quantile } from '../../../bench/spread.ts';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

test.each([
  [0.5, 50],
  [0.99, 99],
  [1, 100],
])('the quantile %d of 1 to 100 in any order is %d', (share, value) => {
  expect(quantile(hundred, share)).toBe(value);
});

test('every quantile of one value is that value', () => {
  expect([0.01, 0.5, 0.99].map((share) => quantile([7], share))).toEqual([7, 7, 7]);
});
