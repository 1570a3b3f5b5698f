import { inParallel } from '../../../src/fleet/in-parallel.ts';
import { deferred, turns } from '../../support/deferred.ts';

/** Works on the items, each of which ends when its gate is opened; counts how many are worked on at once. */
function scene(atOnce: number, ...items: string[]) {
  const gates = new Map(items.map((item) => [item, deferred()]));
  const started: string[] = [];
  const results = inParallel(items, atOnce, async (item) => {
    started.push(item);
    await gates.get(item)!.promise;
    return item.toUpperCase();
  });
  const end = async (item: string) => {
    gates.get(item)!.resolve();
    await turns();
  };
  return { started, results, end };
}

test('so many items at once, the next as one ends; the results have the order of the items', async () => {
  const { started, results, end } = scene(2, 'a', 'b', 'c', 'd');
  expect(started).toEqual(['a', 'b']);
  await end('b');
  expect(started).toEqual(['a', 'b', 'c']);
  await end('c');
  for (const item of ['d', 'a']) await end(item);
  expect(await results).toEqual(['A', 'B', 'C', 'D']);
});

test.each([0, -1, 1])('with %p at once there is one', async (atOnce) => {
  const { started, results, end } = scene(atOnce, 'a', 'b');
  expect(started).toEqual(['a']);
  for (const item of ['a', 'b']) await end(item);
  expect(await results).toEqual(['A', 'B']);
});

test('no items are no work, and an error of the work is thrown', async () => {
  expect(await inParallel([], 4, async () => 1)).toEqual([]);
  const failing = inParallel(['a', 'b'], 4, async (item) => {
    if (item === 'b') throw new Error('b failed');
  });
  await expect(failing).rejects.toThrow('b failed');
});
