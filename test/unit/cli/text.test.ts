import {
  age,
  counted,
  duration,
  escapedLine,
  escapedText,
  flatPairs,
  shorten,
} from '../../../src/cli/output/text.ts';

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
  [0, '0 ms'],
  [-5, '0 ms'],
  [999, '999 ms'],
  [4_250, '4.2 s'],
  [9_999, '9.9 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('%d milliseconds read %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test('ages and counts', () => {
  expect(age(null)).toBe('');
  expect(age(new Date(1_000), 61_000)).toBe('60 s');
  expect([counted(1, 'run'), counted(0, 'run'), counted(2, 'box', 'boxes')]).toEqual([
    '1 run',
    '0 runs',
    '2 boxes',
  ]);
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
