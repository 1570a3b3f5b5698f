/** Prints the findings: a table, the targets and the notes of each benchmark. */
import type { Colors } from '../src/cli/output/colors.ts';
import { type Column, table } from '../src/cli/output/table.ts';
import { terminalOf } from '../src/cli/output/terminal.ts';
import type { Measurement, Target } from './benchmark.ts';
import type { Result } from './run-benchmarks.ts';
import type { Spread } from './spread.ts';

/** @param quick a smoke run; its figures are not compared with targets */
export async function report(result: Result, quick: boolean): Promise<string> {
  const terminal = terminalOf(process.stdout);
  const { colors } = terminal;
  const { name, title, measurements, targets, notes, error } = result;
  return [
    colors.bold(`${name}: ${title}`),
    '',
    await table(measurements, columns(measurements), terminal),
    '',
    ...(quick ? [] : targets.map((target) => targetLine(target, colors))),
    ...notes.map((note) => colors.dim(note)),
    ...(error === undefined ? [] : [colors.red(`failed before the rest was measured: ${error}`)]),
    '',
  ].join('\n');
}

/** One line: `batch 500: share of raw 0.912 (0.894–0.93), per second 7,710`. */
export function measurementLine({ case: name, figures }: Measurement): string {
  const parts = Object.entries(figures).map(([key, spread]) => `${words(key)} ${spreadText(spread)}`);
  return `${name}: ${parts.join(', ')}`;
}

function columns(measurements: readonly Measurement[]): Column<Measurement>[] {
  const { counts, figures } = measurements[0]!;
  return [
    { title: 'case', cell: (row) => row.case },
    ...Object.keys(counts).map(
      (key): Column<Measurement> => ({
        title: words(key),
        align: 'right',
        cell: (row) => row.counts[key]?.toLocaleString('en'),
      }),
    ),
    ...Object.keys(figures).map(
      (key): Column<Measurement> => ({
        title: words(key),
        align: 'right',
        cell: (row) => row.figures[key] && spreadText(row.figures[key]),
      }),
    ),
  ];
}

/** `shareOfRaw` → `share of raw`; a unit at the end keeps its capitals: `peakRssGrowthMiB` → `peak rss growth MiB`. */
function words(key: string): string {
  return key.replace(/MiB$|[A-Z]/g, (found) => ` ${found === 'MiB' ? found : found.toLowerCase()}`);
}

function spreadText({ median, min, max }: Spread): string {
  return min === max ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

function figure(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

function targetLine({ what, measured, atLeast, atMost, met }: Target, colors: Colors): string {
  const wanted = atLeast !== undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  const verdict = met ? colors.green('met') : colors.red('missed');
  return `target ${verdict}: ${what} is ${figure(measured)}, wanted ${wanted}`;
}
