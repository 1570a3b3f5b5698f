/** The command line of the simulator. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type History, runHistory } from './history.ts';
import { realTime } from './machine/time.ts';
import { mutations } from './mutations/list.ts';
import { failureText } from './report.ts';
import { ownLoopPulse } from './seam/loop-pulse.ts';
import { shortestPrefix } from './shortest-prefix.ts';
import { makeTemplates } from './templates.ts';

interface Options {
  readonly seed?: readonly number[];
  readonly seeds?: number;
  readonly from: number;
  readonly seconds?: number;
  readonly faults?: number;
  readonly trace?: true;
  readonly json?: true;
  readonly shorten: boolean;
  readonly mutation?: string;
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
  .option('--trace', 'print the log of the histories')
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
  await makeTemplates();
  ownLoopPulse();
  const startedAt = realTime();
  const usedBefore = process.cpuUsage();
  const histories: History[] = [];
  const print = options.trace ? (line: string) => console.log(line) : undefined;
  let broken: History | undefined;
  for (const seed of seedsOf(options)) {
    const history = await runHistory({ seed, faultLimit: options.faults, print });
    histories.push(history);
    if (history.violation === undefined) continue;
    broken = history;
    break;
  }
  const summary = {
    ...summaryOf(histories),
    seconds: (realTime() - startedAt) / 1_000,
    processorSeconds: secondsOf(process.cpuUsage(usedBefore)),
    failure: broken === undefined ? null : await failureOf(broken, options),
  } satisfies Summary;
  if (options.json) console.log(JSON.stringify(summary, null, 2));
  else printSummary(summary);
  return summary.failure === null ? 0 : 1;
}

function* seedsOf({ seed, seeds, from, seconds }: Options): Generator<number> {
  if (seed !== undefined) {
    yield* seed;
    return;
  }
  const isFresh = seconds !== undefined && program.getOptionValueSource('from') === 'default';
  const first = isFresh ? Date.now() % 2 ** 31 : from;
  const endsAt = seconds === undefined ? Number.POSITIVE_INFINITY : realTime() + seconds * 1_000;
  const count = seeds ?? (seconds === undefined ? 100 : Number.POSITIVE_INFINITY);
  for (let index = 0; index < count && (index === 0 || realTime() < endsAt); index++) yield first + index;
}

async function failureOf(history: History, { faults, shorten }: Options): Promise<Summary['failure']> {
  const shortest = shorten && faults === undefined ? await shortestPrefix(history) : history;
  const { seed, violation } = shortest;
  return { seed, violation: violation!.message, text: failureText(history, shortest) };
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
