import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import {
  durationArgument,
  durationOrNever,
  listArgument,
  numberArgument,
  pairArgument,
  secondsArgument,
  wholeNumber,
} from '../../../src/cli/arguments.ts';

test('durations', () => {
  expect([durationArgument('250ms'), durationArgument('1.5s'), durationArgument('2h')]).toEqual([
    250, 1_500, 7_200_000,
  ]);
  expect([durationOrNever('Never'), durationOrNever('1m')]).toEqual(['never', 60_000]);
  for (const text of ['', ' ', '-1s', 'soon', '1 fortnight', 'never', '250', '0', '1.5']) {
    expect(() => durationArgument(text)).toThrow(InvalidArgumentError);
  }
});

test('numbers', () => {
  expect(wholeNumber(-5, 5)('-5')).toBe(-5);
  for (const text of ['6', '-6', '1.5', '', 'x', '1e0'])
    expect(() => wholeNumber(-5, 5)(text)).toThrow(/-5 to 5/);
  expect(numberArgument('0.5')).toBe(0.5);
  for (const text of ['', 'x', 'Infinity']) expect(() => numberArgument(text)).toThrow(InvalidArgumentError);
});

test('a pair keeps any value', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[^=]+$/), fc.string(), (key, value) => {
      expect(Object.entries(pairArgument(`${key}=${value}`))).toEqual([[key, value]]);
    }),
  );
});

test('pairs and lists gather; a key given twice and a pair without a key are refused', () => {
  expect(pairArgument('b=2', pairArgument('a=1'))).toEqual({ a: '1', b: '2' });
  for (const text of ['a=3', '=1', 'plain'])
    expect(() => pairArgument(text, { a: '1' })).toThrow(InvalidArgumentError);
  expect(listArgument('b', listArgument('a'))).toEqual(['a', 'b']);
});

test('seconds are a whole number or a duration', () => {
  const seconds = secondsArgument(86_400);
  expect(['60', '60s', ' 5m ', '1d'].map(seconds)).toEqual([60, 60, 300, 86_400]);
  for (const text of ['0', '500ms', '1.5s', '2d', '-1', 'soon', ''])
    expect(() => seconds(text)).toThrow(/30s or 5m|with its unit/);
});
