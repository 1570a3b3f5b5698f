/** The simulator (docs/proof.md): the first seeds, fresh ones, seeds that once failed, and whether it finds a mistake at all. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { describeDeletingOpenFiles } from '../support/platform.ts';
import type { Summary } from './command.ts';
import { corpus } from './corpus.ts';
import { mutations } from './mutations/list.ts';
import { foundWithin, readMeasurements } from './mutations/measured.ts';
import { mutated } from './mutations/mutation.ts';

const root = path.resolve(__dirname, '../..');

/** The seeds from 1 on, so that a change is judged by the same histories. */
const firstSeeds = 10;
/**
 * For how long fresh seeds run: seconds, from this variable. They are left out otherwise, because a change would be blamed for
 * what other histories show. The workflow runs them for a minute on pull requests, and for an hour a night.
 */
const freshVariable = 'MULTI_OUTBOX_TEST_FRESH_SECONDS';
const freshSeconds = Number(process.env[freshVariable] ?? 0);

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The simulator replaces the clocks of its process, so it has a process of its own. */
function simulation(...words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['test/simulation/main.ts', ...words], { cwd: root });
  return new Promise((resolve, reject) => {
    let output = '';
    const collect = (text: Buffer) => {
      output += text;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function summary(...words: string[]): Promise<Summary> {
  const { output } = await simulation(...words, '--json');
  return JSON.parse(output.slice(output.indexOf('{'))) as Summary;
}

describeDeletingOpenFiles('npm run simulation', () => {
  test('the first seeds keep every promise', async () => {
    const { failure, histories } = await summary('--seeds', String(firstSeeds));
    expect(failure?.text).toBeUndefined();
    expect(histories).toBe(firstSeeds);
  }, 300_000);

  if (!(freshSeconds > 0))
    test.skip(`fresh seeds keep every promise (skipped: ${freshVariable} is not set)`, () => {});
  else
    test('fresh seeds keep every promise', async () => {
      const { failure, histories } = await summary('--seconds', String(freshSeconds));
      expect(failure?.text).toBeUndefined();
      expect(histories).toBeGreaterThan(0);
    }, 300_000);

  const finding = Object.values(readMeasurements(path.join(__dirname, 'mutations'))).map(({ seed }) => seed);
  const seeds = [...new Set([...corpus.map(({ seed }) => seed), ...finding])].filter((seed) => seed !== null);
  test('seeds that once failed, and those that find the mutations, keep every promise', async () => {
    const { failure, histories } = await summary('--seed', ...seeds.map(String));
    expect(failure?.text).toBeUndefined();
    expect(histories).toBe(seeds.length);
  }, 300_000);

  test('the same seed gives the same history, bit by bit, in whichever process, another one another', async () => {
    const first = await summary('--seeds', '2');
    const second = await summary('--seeds', '2', '--processes', '2');
    expect(second.hashes).toEqual(first.hashes);
    expect(new Set(Object.values(first.hashes)).size).toBe(2);
  }, 300_000);

  test('a mistake in the core is found, with its seed, its faults and the last events', async () => {
    const { code, output } = await simulation('--mutation', 'a claim counts no attempt', '--seeds', '5');
    expect(code).toBe(1);
    expect(output).toMatch(/^Seed \d+ broke a promise\. Q5 attempts: /m);
    expect(output).toMatch(/npm run simulation -- --seed \d+ --trace/);
    expect(output).toMatch(/prefix that still fails has \d+ of \d+ faults|fails with all \d+ faults/);
    const events = output.split('\n').filter((line) => /^ +\d+\.\d{3} {2}\S/.test(line));
    expect(events.length).toBeGreaterThan(10);
    expect(events.length).toBeLessThanOrEqual(40);
  }, 300_000);

  test('wrong usage: exit code 2', async () => {
    expect(await simulation('--seeds', 'many')).toEqual({
      code: 2,
      output: expect.stringContaining('It must be a whole number.'),
    });
  });
});

test('each mutation that was measured was found within the stated number of seeds', () => {
  const measured = Object.entries(readMeasurements(path.join(__dirname, 'mutations')));
  const missed = measured.filter(([, { foundAs, histories }]) => foundAs === null || histories > foundWithin);
  expect(missed).toEqual([]);
  expect(measured.length).toBeGreaterThanOrEqual(30);
});

test('there are at least 30 mutations, and each fits today’s code', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(30);
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  for (const mutation of mutations) {
    const file = path.join(root, 'src', mutation.file);
    expect(mutated(mutation, file)).not.toBe('');
  }
});
