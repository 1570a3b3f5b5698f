/**
 * `npm run bench` measures the system as ratios to raw loops in the same run. Exit codes: 0 done,
 * whether or not targets were met; 1 a benchmark failed (what was measured before is printed); 2 wrong usage.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { environmentPrefix } from '../src/settings.ts';
import type { Benchmark } from './benchmark.ts';
import { coldStart } from './cold-start.ts';
import { consolePages } from './console.ts';
import { drain } from './drain.ts';
import { enqueue } from './enqueue.ts';
import { fanOut } from './fan-out.ts';
import { flood } from './flood.ts';
import { idle } from './idle.ts';
import { keyed } from './keyed.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { peers } from './peers.ts';
import type { Places } from './place.ts';
import { plan } from './plan.ts';
import { purge } from './purge.ts';
import { report } from './report.ts';
import { reports } from './reports.ts';
import { runBenchmarks } from './run-benchmarks.ts';
import { scale } from './scale.ts';
import { sqlitePlaces } from './sqlite/place.ts';
import { sqlServerPlaces } from './sqlserver/place.ts';
import { stuck } from './stuck.ts';
import { sweep } from './sweep.ts';
import { telemetry } from './telemetry.ts';
import { transactions } from './transactions.ts';

const benchmarks: readonly Benchmark[] = [
  drain,
  keyed,
  sweep,
  stuck,
  memory,
  plan,
  enqueue,
  transactions,
  purge,
  latency,
  idle,
  flood,
  fanOut,
  coldStart,
  telemetry,
  reports,
  scale,
  consolePages,
  peers,
];

/** The other benchmarks measure only this process, or files. */
const onServers: readonly Benchmark[] = [drain, keyed, sweep, enqueue, latency, idle];

interface Options {
  readonly json?: true;
  readonly quick?: true;
  readonly repetitions?: number;
  readonly registry?: string;
}

const program = new Command('bench')
  .description('Measures multi-outbox against raw loops in the same run.')
  .addArgument(
    new Argument('[benchmarks...]', 'which ones; all but peers when absent').choices(
      benchmarks.map(({ name }) => name),
    ),
  )
  .option('--json', 'print one JSON document')
  .option('--quick', 'a smoke run: everything once and small; the figures mean nothing')
  .option('--repetitions <count>', 'measured repetitions of each contender (default 5, quick 1)', wholeNumber)
  .option(
    '--registry <url>',
    "the kind of database, and where: sqlite:<file> works in a folder of its own beside that file (default: the system's temporary folder), mssql:<connection string> in databases of its own on that server",
  )
  .addHelpText(
    'after',
    ['', 'Benchmarks:', ...benchmarks.map(({ name, title }) => `  ${name.padEnd(13)}${title}`)].join('\n'),
  )
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

// Exits through process.exit, so that an interrupt removes the temporary folder too.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
// The benchmarks measure the defaults; a setting in the environment would change them unnoticed.
for (const name of Object.keys(process.env)) {
  if (name.startsWith(environmentPrefix)) delete process.env[name];
}

try {
  await main(program.args, program.opts<Options>());
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
}

async function main(names: readonly string[], options: Options): Promise<void> {
  const { json = false, quick = false, repetitions = quick ? 1 : 5, registry } = options;
  const places = placesOf(registry);
  const fit = places.kind === 'sqlite' ? benchmarks : onServers;
  const unfit = names.find((wanted) => !fit.some(({ name }) => name === wanted));
  if (unfit !== undefined) program.error(`error: the benchmark '${unfit}' is for sqlite:<file> only`);
  const chosen =
    names.length === 0
      ? fit.filter(({ onlyByName }) => !onlyByName)
      : fit.filter(({ name }) => names.includes(name));
  const startedUtc = new Date().toISOString();
  const startedAt = performance.now();
  const { results, errors } = await runBenchmarks(chosen, { places, quick, repetitions }, async (result) => {
    if (!json) console.log(`\n${await report(result, quick)}`);
  });
  for (const error of errors) console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  if (errors.length > 0) process.exitCode = 1;
  if (!json) return;
  const document = {
    program: { name: packageJson.name, version: packageJson.version },
    engine: places.kind,
    machine: {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      processors: availableParallelism(),
      model: cpus()[0]?.model ?? '',
    },
    startedUtc,
    durationMs: Math.round(performance.now() - startedAt),
    quick,
    repetitions,
    benchmarks: results,
  };
  console.log(JSON.stringify(document, null, 2));
}

/** The places of the engine that the registry URL names. */
function placesOf(registry: string | undefined): Places {
  if (registry === undefined) return sqlitePlaces(tmpdir());
  const server = /^mssql:(?!\/\/)(.+)$/s.exec(registry)?.[1];
  if (server !== undefined) return sqlServerPlaces(server);
  const file = /^sqlite:(.+)$/s.exec(registry)?.[1];
  if (file === undefined) {
    program.error(
      `error: there are benchmarks for sqlite:<file> and mssql:<connection string> only, not for '${registry.split(':')[0]}:…'`,
    );
  }
  const parent = dirname(resolve(file!));
  mkdirSync(parent, { recursive: true });
  return sqlitePlaces(parent);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}
