/** A benchmark that fails late keeps its figures, and its error comes before the errors of cleaning up. */
import type { Benchmark, Measurement } from '../../../bench/benchmark.ts';
import type { Places } from '../../../bench/place.ts';
import { type Result, runBenchmarks } from '../../../bench/run-benchmarks.ts';

const half: Measurement = {
  case: 'batch 1',
  counts: { messages: 20 },
  figures: { shareOfRaw: { median: 0.5, min: 0.4, max: 0.6 } },
};
const whole: Benchmark = {
  name: 'whole',
  title: 'measures all',
  run: async () => ({ measurements: [half], targets: [], notes: ['a note'] }),
};
const failing: Benchmark = {
  name: 'failing',
  title: 'measures one of two',
  async run({ measured }) {
    measured(half);
    // An error as `await using` throws it; not every supported Node has `await using`.
    throw Object.assign(new Error(), {
      name: 'SuppressedError',
      error: new Error('the database is in use'),
      suppressed: new Error('the table is missing'),
    });
  },
};

let printed: string[];
beforeEach(() => {
  printed = [];
  jest.spyOn(console, 'error').mockImplementation((line) => printed.push(String(line)));
});
afterEach(() => jest.restoreAllMocks());

async function run(benchmarks: Benchmark[], remove: () => Promise<void> = async () => {}) {
  const told: Result[] = [];
  const context = { places: { remove } as Places, quick: false, repetitions: 1 };
  const ended = await runBenchmarks(benchmarks, context, async (result) => {
    told.push(result);
  });
  return { ...ended, told, messages: ended.errors.map((error) => (error as Error).message) };
}

test('a measurement is printed as soon as it is complete', async () => {
  await run([failing]);
  expect(printed).toEqual(['failing: batch 1: share of raw 0.5 (0.4–0.6)']);
});

test('a benchmark that fails keeps what it has measured, and its error comes first', async () => {
  const { results, told, messages } = await run([whole, failing, whole], async () => {
    throw new Error('the server is gone');
  });
  expect(results).toMatchObject([
    { name: 'whole', measurements: [half], notes: ['a note'] },
    { name: 'failing', measurements: [half], error: 'the table is missing' },
  ]);
  expect(results[0]).not.toHaveProperty('error');
  expect(told).toEqual(results);
  expect(messages).toEqual(['the table is missing', 'the database is in use', 'the server is gone']);
});

test('without a failure there are no errors, and the places are removed', async () => {
  let removed = 0;
  const { results, errors } = await run([whole, whole], async () => {
    removed++;
  });
  expect([results.length, errors.length, removed]).toEqual([2, 0, 1]);
});
