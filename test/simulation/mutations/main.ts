/**
 * `npm run simulation:mutations` puts each deliberate mistake into the core, and runs histories until the simulator finds
 * it. A mistake that it does not find is a hole in the simulator. Exit codes: 0 all found; 1 some not found; 2 wrong usage.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { Command } from 'commander';
import type { Summary } from '../command.ts';
import { mutations } from './list.ts';
import { foundWithin, type Measurement, readMeasurements, writeMeasurements } from './measured.ts';
import type { Mutation } from './mutation.ts';

/** Milliseconds after which a mutant that does not end is stopped, and counts as found. */
const longestMs = 900_000;
const simulation = path.resolve(import.meta.dirname, '../main.ts');
const program = new Command('simulation:mutations')
  .argument('[words...]', 'only mutations whose names contain one of these')
  .option(
    '--seeds <count>',
    'the most histories for each; the first one that breaks a promise is the last',
    `${foundWithin}`,
  )
  .option('--from <seed>', 'the first seed', '1')
  .option('--unmeasured', 'only mutations that measured.json does not have')
  .option('--save', 'keep the results in measured.json, from which `npm run docs` writes docs/proof.md')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();
interface Options {
  readonly seeds: string;
  readonly from: string;
  readonly unmeasured?: true;
  readonly save?: true;
}
const { seeds, from, unmeasured, save } = program.opts<Options>();
const known = readMeasurements(import.meta.dirname);
const words = program.args;
const chosen = mutations.filter(
  ({ name }) =>
    (words.length === 0 || words.some((word) => name.includes(word))) &&
    !(unmeasured && known[name] !== undefined),
);
if (chosen.length === 0) program.error('error: no mutation is chosen; check the words', { exitCode: 2 });

console.log('| mutation | breaks | histories | seed | found as |');
console.log('| --- | --- | ---: | ---: | --- |');
const missed: Mutation[] = [];
for (const mutation of chosen) {
  const measurement = await simulated(mutation);
  const { seed, histories, foundAs } = measurement;
  if (foundAs === null) missed.push(mutation);
  if (save) {
    writeMeasurements(import.meta.dirname, {
      ...readMeasurements(import.meta.dirname),
      [mutation.name]: measurement,
    });
  }
  const { name, breaks } = mutation;
  console.log(`| ${name} | ${breaks} | ${histories} | ${seed ?? ''} | ${foundAs ?? '**not found**'} |`);
}
console.log(
  `\n${chosen.length - missed.length} of ${chosen.length} mutations were found within ${seeds} seeds.`,
);
for (const { name } of missed) console.log(`Not found: ${name}`);
process.exitCode = missed.length === 0 ? 0 : 1;

/** Runs histories in a process of their own until one fails. A mutant that ends the process is found as well. */
function simulated({ name }: Mutation): Promise<Measurement> {
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
    child.on('close', (code, signal) => {
      if (code === 2) reject(new Error(errors));
      // What took too long, or too much memory, has shown nothing.
      else if (signal !== null) resolve({ seed: null, histories: 0, foundAs: null });
      else if (output === '') resolve({ seed: null, histories: 0, foundAs: 'the process ended' });
      else {
        const { histories, failure } = JSON.parse(output) as Summary;
        const foundAs = failure === null ? null : failure.violation.replace(/:.*/s, '');
        resolve({ seed: failure?.seed ?? null, histories, foundAs });
      }
    });
  });
}
