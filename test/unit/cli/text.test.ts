import { durationArgument } from '../../../src/cli/arguments.ts';
import {
  age,
  counted,
  escapedLine,
  escapedText,
  flatPairs,
  shorten,
  time,
} from '../../../src/cli/output/text.ts';
import { duration, exactDuration } from '../../../src/duration-text.ts';

test('text from databases and handlers cannot control a terminal', () => {
  expect(escapedLine('a\u001b[2Jb\u0007')).toBe('a\\u001b[2Jb\\u0007');
  expect(escapedLine(' first\r\n  second\tthird ')).toBe('first second third');
  expect(escapedLine('abc\u202ecba')).toBe('abc\\u202ecba');
  expect(escapedText('a\u001b[2J\n\tb\r')).toBe('a\\u001b[2J\n\tb\\u000d');
});

test('text is cut between characters, never inside one', () => {
  expect(shorten('🦆🦆🦆', 3)).toBe('🦆🦆🦆');
  expect(shorten('🦆🦆🦆🦆', 3)).toBe('🦆🦆…');
});

test.each([
  [0, '0ms'],
  [-5, '0ms'],
  [999, '999ms'],
  [4_250, '4.2s'],
  [9_999, '9.9s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
])('%d milliseconds read %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
  expect(() => durationArgument(text)).not.toThrow();
});

test.each([
  [0, '0ms'],
  [1_500, '1500ms'],
  [90_000, '90s'],
  [5_400_000, '90m'],
  [86_400_000, '1d'],
])('a setting of %d milliseconds reads %s, and is read back without loss', (milliseconds, text) => {
  expect(exactDuration(milliseconds)).toBe(text);
  expect(durationArgument(text)).toBe(milliseconds);
});

test('ages and counts', () => {
  expect(age(null)).toBe('');
  expect(age(new Date(1_000), 61_000)).toBe('60s');
  expect([counted(1, 'run'), counted(0, 'run'), counted(12_345, 'box', 'boxes')]).toEqual([
    '1 run',
    '0 runs',
    '12,345 boxes',
  ]);
  expect(time('2027-01-31T12:00:00.987Z')).toBe('2027-01-31 12:00:00Z');
});

test('flatPairs: a nested filter is one line of names and values', () => {
  const selection = {
    act: { act: 'replay' },
    filter: { states: ['dead', 'ready'], topic: 'a' },
    tenants: null,
  };
  expect(flatPairs(selection)).toBe('act=replay, states=dead ready, topic=a');
  expect(flatPairs({})).toBe('');
});
