/**
 * `npm run simulation:mutations` puts each deliberate mistake into the core, and counts the seeds that the simulator needs
 * to find it. A mistake that it does not find is a hole in the simulator. Exit codes: 0 all found; 1 some not found; 2
 * wrong usage.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { Command } from 'commander';
import type { Summary } from '../command.ts';
import { mutations } from './list.ts';
import type { Mutation } from './mutation.ts';

/** Milliseconds after which a mutant that does not end is stopped, and counts as found. */
const longestMs = 900_000;
const simulation = path.resolve(import.meta.dirname, '../main.ts');
const program = new Command('simulation:mutations')
  .argument('[words...]', 'only mutations whose names contain one of these')
  .option('--seeds <count>', 'the most histories for each', '300')
  .option('--from <seed>', 'the first seed', '1')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();
const { seeds, from } = program.opts<{ seeds: string; from: string }>();
const words = program.args;
const chosen = mutations.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);
if (chosen.length === 0)
  program.error('error: no mutation has one of these words in its name', { exitCode: 2 });

console.log('| mutation | breaks | seeds | found as |');
console.log('| --- | --- | ---: | --- |');
const missed: Mutation[] = [];
for (const mutation of chosen) {
  const { failure, histories } = await simulated(mutation);
  if (failure === null) missed.push(mutation);
  const found = failure === null ? '**not found**' : failure.violation.replace(/:.*/s, '');
  console.log(`| ${mutation.name} | ${mutation.breaks} | ${histories} | ${found} |`);
}
console.log(
  `\n${chosen.length - missed.length} of ${chosen.length} mutations were found within ${seeds} seeds.`,
);
process.exitCode = missed.length === 0 ? 0 : 1;

/** Runs histories in a process of their own until one fails. A mutant that ends the process is found as well. */
function simulated({ name }: Mutation): Promise<Pick<Summary, 'failure' | 'histories'>> {
  const given = ['--mutation', name, '--seeds', seeds, '--from', from, '--no-shorten', '--json'];
  const child = spawn(process.execPath, [simulation, ...given], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
  });
  return new Promise((resolve, reject) => {
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 2) reject(new Error(errors));
      else if (output !== '') resolve(JSON.parse(output) as Summary);
      else
        resolve({
          histories: 0,
          failure: {
            seed: 0,
            violation: `the process ended: ${errors.trim().split('\n').at(-1)}`,
            text: errors,
          },
        });
    });
  });
}
