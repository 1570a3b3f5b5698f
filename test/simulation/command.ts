/** The command line of the simulator. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type History, runHistory } from './history.ts';
import { realTime } from './machine/time.ts';
import { mutations } from './mutations/list.ts';
import { summaryOfProcesses } from './processes.ts';
import { failureText } from './report.ts';
import { ownLoopPulse } from './seam/loop-pulse.ts';
import { shortestPrefix } from './shortest-prefix.ts';
import { makeTemplates } from './templates.ts';
import type { WorldOptions } from './world.ts';

interface Options {
  readonly seed?: readonly number[];
  readonly seeds?: number;
  readonly from: number;
  readonly seconds?: number;
  readonly faults?: number;
  readonly trace?: true;
  readonly progress?: true;
  readonly processes: number;
  readonly json?: true;
  readonly shorten: boolean;
  readonly mutation?: string;
  readonly server?: true;
}

/** Runs histories, one after another. */
interface Runner {
  run(options: WorldOptions): Promise<History>;
  close(): Promise<void>;
}

/** What all histories of one call came to, for `--json`. */
export interface Summary {
  readonly histories: number;
  readonly messages: number;
  readonly faults: number;
  readonly events: number;
  readonly simulatedSeconds: number;
  /** Of real time. */
  readonly seconds: number;
  /** Of processor time. */
  readonly processorSeconds: number;
  /** By seed. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly failure: { readonly seed: number; readonly violation: string; readonly text: string } | null;
}

const usualSeeds = 100;
/** More histories than a process runs in the time that it gets. */
const seedsApart = 1_000_000;

const program = new Command('simulation')
  .description('Runs the real system under virtual time, with injected faults; a seed repeats a history.')
  .option('--seed <number...>', 'run these histories', wholes)
  .option('--seeds <count>', 'run this many histories', whole)
  .option('--from <number>', 'the first seed of several', whole, 1)
  .option(
    '--seconds <seconds>',
    'run histories for about this long; the first seed is the time, unless --from names it',
    whole,
  )
  .option('--faults <count>', 'only this many faults strike in each history', whole)
  .addOption(
    new Option('--processes <count>', 'run so many histories at the same time')
      .argParser(whole)
      .default(1)
      .conflicts(['seed', 'trace']),
  )
  .addOption(
    new Option(
      '--server',
      'run histories in real time on the SQL Server that MULTI_OUTBOX_TEST_SQLSERVER names; a seed repeats what happens there, but not when',
    ).conflicts(['processes', 'faults', 'mutation']),
  )
  .option('--trace', 'print the log of the histories')
  .option('--progress', 'print a line on standard error for each history that has ended')
  .option('--no-shorten', 'do not look for the shortest prefix of faults that still fails')
  .addOption(
    new Option('--mutation <name>', 'with a deliberate mistake in the core').choices(
      mutations.map(({ name }) => name),
    ),
  )
  .option('--json', 'print one JSON document')
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** Returns the exit code. */
export async function run(): Promise<number> {
  const options = program.parse().opts<Options>();
  const summary =
    options.processes > 1 ? await summaryOfProcesses(wordsOf(options)) : await summaryHere(options);
  if (options.json) console.log(JSON.stringify(summary, null, 2));
  else printSummary(summary);
  return summary.failure === null ? 0 : 1;
}

async function summaryHere(options: Options): Promise<Summary> {
  ownLoopPulse();
  const runner = options.server ? await serverRunner() : await localRunner();
  const startedAt = realTime();
  const usedBefore = process.cpuUsage();
  const histories: History[] = [];
  const print = options.trace ? (line: string) => console.log(line) : undefined;
  let broken: History | undefined;
  try {
    for (const seed of seedsOf(options)) {
      const history = await runner.run({ seed, faultLimit: options.faults, print });
      histories.push(history);
      if (options.progress) console.error(progressOf(history));
      if (history.violation === undefined) continue;
      broken = history;
      break;
    }
  } finally {
    await runner.close();
  }
  return {
    ...summaryOf(histories),
    seconds: (realTime() - startedAt) / 1_000,
    processorSeconds: secondsOf(process.cpuUsage(usedBefore)),
    failure: broken === undefined ? null : await failureOf(broken, options),
  };
}

async function localRunner(): Promise<Runner> {
  await makeTemplates();
  return { run: runHistory, close: async () => {} };
}

async function serverRunner(): Promise<Runner> {
  const { openServer } = await import('./server/open-server.ts');
  const server = openServer();
  if (server !== null) return server;
  return program.error('error: --server needs a server; MULTI_OUTBOX_TEST_SQLSERVER is not set', {
    exitCode: 2,
  });
}

function* seedsOf(options: Options): Generator<number> {
  const { seed, seconds } = options;
  if (seed !== undefined) {
    yield* seed;
    return;
  }
  const first = firstSeed(options);
  const endsAt = seconds === undefined ? Number.POSITIVE_INFINITY : realTime() + seconds * 1_000;
  const count = mostSeeds(options) ?? Number.POSITIVE_INFINITY;
  for (let index = 0; index < count && (index === 0 || realTime() < endsAt); index++) yield first + index;
}

function firstSeed({ from, seconds }: Options): number {
  const isFresh = seconds !== undefined && program.getOptionValueSource('from') === 'default';
  return isFresh ? Date.now() % 2 ** 31 : from;
}

/** Undefined for as many as fit into the time. */
function mostSeeds({ seeds, seconds }: Options): number | undefined {
  return seeds ?? (seconds === undefined ? usualSeeds : undefined);
}

/** The words for each of several processes: its share of the seeds. */
function wordsOf(options: Options): string[][] {
  const { seconds, faults, mutation, progress, shorten, processes } = options;
  const first = firstSeed(options);
  const count = mostSeeds(options) ?? processes * seedsApart;
  const share = (index: number) => Math.floor((index * count) / processes);
  return Array.from({ length: processes }, (_, index) => [
    ...['--from', `${first + share(index)}`, '--seeds', `${share(index + 1) - share(index)}`],
    ...(seconds === undefined ? [] : ['--seconds', `${seconds}`]),
    ...(faults === undefined ? [] : ['--faults', `${faults}`]),
    ...(mutation === undefined ? [] : ['--mutation', mutation]),
    ...(progress ? ['--progress'] : []),
    ...(shorten ? [] : ['--no-shorten']),
  ]).filter((words) => words[3] !== '0');
}

async function failureOf(
  history: History,
  { faults, shorten, server }: Options,
): Promise<Summary['failure']> {
  const shortest = shorten && !server && faults === undefined ? await shortestPrefix(history) : history;
  const { seed, violation } = shortest;
  return { seed, violation: violation!.message, text: failureText(history, shortest) };
}

function progressOf({ seed, faults, events, simulatedMs, violation }: History): string {
  const end = violation === undefined ? '' : `: ${violation.message}`;
  return `Seed ${seed}: ${faults} faults and ${events} events in ${Math.round(simulatedMs / 1_000)} simulated seconds${end}`;
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000_000;
}

function summaryOf(histories: readonly History[]): Omit<Summary, 'failure' | 'seconds' | 'processorSeconds'> {
  const sum = (count: (history: History) => number) =>
    histories.reduce((total, each) => total + count(each), 0);
  return {
    histories: histories.length,
    messages: sum(({ messages }) => messages),
    faults: sum(({ faults }) => faults),
    events: sum(({ events }) => events),
    simulatedSeconds: Math.round(sum(({ simulatedMs }) => simulatedMs) / 1_000),
    hashes: Object.fromEntries(histories.map(({ seed, hash }) => [seed, hash])),
  };
}

function printSummary({ failure, ...counts }: Summary): void {
  if (failure !== null) console.log(`${failure.text}\n`);
  const { histories, messages, faults, simulatedSeconds, seconds, processorSeconds } = counts;
  const rate = (count: number) => (count / processorSeconds).toFixed(1);
  console.log(
    `${histories} histories with ${messages} messages and ${faults} faults: ${simulatedSeconds} simulated seconds in ${seconds.toFixed(1)} s. A second of processor time is enough for ${rate(histories)} histories and ${rate(simulatedSeconds)} simulated seconds.`,
  );
}

function wholes(text: string, before: readonly number[] = []): number[] {
  return [...before, whole(text)];
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
