/** S4: numbers and times as the page shows them. */
import { age } from '../../../src/console/page/format.ts';
import { settingText } from '../../../src/console/page/parts/setting-text.ts';

test.each([
  [-5, '0 s'],
  [826, '0 s'],
  [6_249, '6 s'],
  [9_999, '9 s'],
  [119_999, '119 s'],
  [125_000, '2 min'],
  [7_500_000, '2 h 5 min'],
])('an age of %i ms has no fraction that would flicker: %s', (ms, text) => {
  expect(age(ms)).toBe(text);
});

test.each([
  ['retention.doneMs', 604_800_000, '7d'],
  ['plan.intervalMs', 1_500, '1500ms'],
  ['plan.redispatchMs', null, '–'],
  ['plan.capacity', 1_000, '1000'],
  ['receive.sources', ['a'], '["a"]'],
])('the value of %s, %j, is shown as the setting takes it: %s', (option, value, text) => {
  expect(settingText({ option, value, variable: 'X', source: 'default' })).toBe(text);
});
