import { readFileSync } from 'node:fs';
import { mostOpenDatabases } from '../../../../src/fleet/tenants/open-limit.ts';

test.each([
  ['a limit of 256 files leaves half for all else', 256, 256, 42],
  ['a limit of 1,024', 256, 1_024, 170],
  ['a large limit changes nothing', 256, 20_000, 256],
  ['a large limit leaves 512 for all else', 10_000, 20_000, 6_496],
  ['a smaller setting stays', 5, 256, 5],
  ['at least one database', 256, 4, 1],
])('F8: %s', (_, maxOpen, openFiles, expected) => {
  expect(mostOpenDatabases({ maxOpen }, openFiles)).toBe(expected);
});

test('F8: the limit is that of this process; a system that has none leaves the setting as it is', () => {
  const maxOpen = 1_000_000_000;
  expect(mostOpenDatabases({ maxOpen }, Number.POSITIVE_INFINITY)).toBe(maxOpen);
  expect(mostOpenDatabases({ maxOpen })).toBe(mostOpenDatabases({ maxOpen }, limitOfThisProcess()));
});

/** As Linux shows it; on other systems this test cannot know it. */
function limitOfThisProcess(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  const lines = readFileSync('/proc/self/limits', 'utf8').split('\n');
  const [soft] = lines.find((line) => line.startsWith('Max open files'))!.match(/\d+/) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
