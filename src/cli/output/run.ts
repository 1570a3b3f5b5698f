/** Formats dispatch runs for `tick`, `run` and the demo. */

import { duration } from '../../duration-text.ts';
import type { RunCounts } from '../../engine/registry.ts';
import { type RunOutcome, runOutcomes } from '../../engine/tenant-report.ts';
import { longBlockMs, type RunReport } from '../../fleet/dispatch/run-report.ts';
import type { Colors } from './colors.ts';
import { table } from './table.ts';
import { countsText } from './tenant.ts';
import type { Terminal } from './terminal.ts';
import { counted, number, shorten } from './text.ts';

export function runTable(runs: readonly RunReport[], terminal: Terminal): Promise<string> {
  const counts = (title: string, name: keyof RunCounts, spare?: number) => ({
    title,
    ...(spare !== undefined && { spare }),
    cell: (report: RunReport) => report.counts[name],
    align: 'right' as const,
  });
  return table(
    runs,
    [
      { title: 'Tenant', cell: ({ tenantId }) => tenantId, breaks: true },
      {
        title: 'Outcome',
        cell: ({ outcome }) => outcome,
        paint: (text, { outcome }) => paintOutcome(text, outcome, terminal.colors),
      },
      counts('Done', 'done'),
      counts('Retried', 'retried', 1),
      counts('Dead', 'dead'),
      counts('Released', 'released', 4),
      counts('Parked', 'parked', 2),
      counts('Lost', 'lost', 3),
      counts('Recovered', 'recovered', 5),
      { title: 'Time', cell: ({ durationMs }) => duration(durationMs), align: 'right' },
      { title: 'Note', cell: (report) => noteText(report), text: true },
    ],
    terminal,
  );
}

export function paintOutcome(text: string, outcome: RunOutcome, colors: Colors): string {
  if (outcome === 'failed') return colors.red(text);
  if (outcome === 'dispatched') return colors.green(text);
  return outcome === 'idle' ? colors.dim(text) : colors.yellow(text);
}

/** Facts beside a run's numbers: why it failed or was skipped, which topics it parked, whether messages are left. */
function noteText(report: RunReport, characters = Number.POSITIVE_INFINITY): string {
  const { outcome, error, skipped, parkedTopics, more, queues, blockedLoop } = report;
  if (error !== undefined) return `${error.code}: ${shorten(error.message, characters)}`;
  const holder = queues.find(({ heldBy }) => heldBy !== undefined)?.heldBy?.owner;
  if (skipped === 'leased-elsewhere') return `lease held by ${holder ?? 'another host'}`;
  if (skipped === 'not-active') return 'the tenant is not active';
  if (outcome === 'resuming') return 'the database is resuming';
  return [
    ...(parkedTopics.length === 0 ? [] : [`no handler for ${shorten(parkedTopics.join(', '), characters)}`]),
    ...(blockedLoop && blockedLoop.ms >= longBlockMs ? [blockText(blockedLoop, characters)] : []),
    ...(more ? ['more messages are due'] : []),
  ].join('; ');
}

function blockText(
  { topic, ms, measured }: NonNullable<RunReport['blockedLoop']>,
  characters: number,
): string {
  if (topic !== null && !measured)
    return `the process was blocked for ${duration(ms)} during a handler of ${shorten(topic, characters)}`;
  const who = topic === null ? 'its messages' : `handler of ${shorten(topic, characters)}`;
  return `${who} blocked the process for ${duration(ms)}`;
}

/** One log line of a run: `acme: 12 done, 1 retried in 340ms`. */
export function runLine(report: RunReport): string {
  const { tenantId, outcome, counts, durationMs } = report;
  const what = outcome === 'dispatched' ? countsText(counts) : outcome;
  const note = noteText(report, 100);
  return `${tenantId}: ${what} in ${duration(durationMs)}${note === '' ? '' : ` (${note})`}`;
}

/** Adds up the runs of one process. */
export class RunSums {
  readonly outcomes: Record<RunOutcome, number>;
  readonly counts: { -readonly [Name in keyof RunCounts]: number };
  readonly #startedAt = performance.now();

  constructor() {
    this.outcomes = Object.fromEntries(runOutcomes.map((outcome) => [outcome, 0])) as Record<
      RunOutcome,
      number
    >;
    this.counts = { done: 0, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 };
  }

  add({ outcome, counts }: RunReport): void {
    this.outcomes[outcome] += 1;
    for (const name of Object.keys(this.counts) as (keyof RunCounts)[]) this.counts[name] += counts[name];
  }

  get runs(): number {
    return Object.values(this.outcomes).reduce((sum, count) => sum + count, 0);
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  /** `4 runs (3 dispatched, 1 failed); 12 messages done, 1 dead` */
  text(): string {
    const outcomes = Object.entries(this.outcomes)
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => `${number(count)} ${outcome}`);
    const runs = `${counted(this.runs, 'run')}${outcomes.length === 0 ? '' : ` (${outcomes.join(', ')})`}`;
    return `${runs}; messages: ${countsText(this.counts)}`;
  }
}
