import { longestRetryAfterMs, parseHttpDate, retryAfterMs } from '../../../src/handlers/retry-after.ts';

const instant = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each([
  ['RFC 9110', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
  ['asctime', 'Sun Nov  6 08:49:37 1994'],
])('an HTTP date in the form of %s', (_form, text) => {
  expect(parseHttpDate(text)).toBe(instant);
});

test.each([
  '',
  '1.5',
  '-3',
  'soon',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 99:49:37 GMT',
])('%j is no HTTP date', (text) => {
  expect(parseHttpDate(text)).toBeNull();
  expect(retryAfterMs(text === '' ? ' ' : text)).toBeNull();
});

test('seconds', () => {
  expect(retryAfterMs('0')).toBe(0);
  expect(retryAfterMs(' 120 ')).toBe(120_000);
});

test('a date counts from now', () => {
  expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', undefined, instant - 90_000)).toBe(90_000);
});

test("a date counts from the response's own Date, not from this clock", () => {
  const hoursOff = instant - 7 * 3_600_000;
  expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:07 GMT', hoursOff)).toBe(
    30_000,
  );
  expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', 'nonsense', instant - 5_000)).toBe(5_000);
});

test('a date that has passed means now', () => {
  expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', undefined, instant + 5_000)).toBe(0);
});

test('no wait is longer than the cap', () => {
  expect(retryAfterMs('86400')).toBe(longestRetryAfterMs);
  expect(retryAfterMs('9'.repeat(400))).toBe(longestRetryAfterMs);
  expect(retryAfterMs('Sun, 06 Nov 2094 08:49:37 GMT', undefined, instant)).toBe(longestRetryAfterMs);
});
