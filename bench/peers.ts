/**
 * Measures multi-outbox beside other queues for Node, on the same machine and disk, with the same messages and the same
 * handler, which does nothing. Each measurement is a process of its own.
 */
import { dirname } from 'node:path';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import type { Figures, PeerName } from './peers/job.ts';
import { type Contender, ours, prepare, reasonOf } from './peers/setting.ts';
import { notes, type Row, type Study, studies } from './peers/studies.ts';
import { ratio, spread } from './spread.ts';

export const peers: Benchmark = {
  name: 'peers',
  title: 'multi-outbox beside graphile-worker, pg-boss and plainjob, which are installed for it',
  onlyByName: true,
  async run(context) {
    const { places, quick, progress, measured } = context;
    const place = await places.open('peers');
    const setting = await prepare(dirname(place.registry.slice('sqlite:'.length)), progress);
    const measurements: Measurement[] = [];
    const ahead: string[] = [];
    const failed: string[] = [];
    const { ofOne, ofMany } = studies(quick);
    for (const group of [ofOne, ofMany]) {
      const runs = await prepareAll(context, setting.contenders, group[0]!.databases);
      for (const study of group) {
        const figures = await measure(context, runs, study, failed);
        for (const row of study.rows) {
          const measurement = measurementOf(study, row, figures);
          if (measurement === undefined) continue;
          measurements.push(measurement);
          measured(measurement);
          ahead.push(...peersAhead(measurement.case, row, figures));
        }
      }
    }
    setting.close();
    await place.remove();
    return {
      measurements,
      targets: [],
      notes: [...setting.notes, ...notes, ...failed, ...(quick ? [] : ahead)],
    };
  },
};

type Runs = Map<PeerName, Awaited<ReturnType<Contender['prepare']>>>;
type FiguresOf = Map<PeerName, readonly Figures[]>;

async function prepareAll(
  { progress }: BenchContext,
  contenders: readonly Contender[],
  databases: number,
): Promise<Runs> {
  const runs: Runs = new Map();
  for (const { name, prepare } of contenders) {
    progress(`${name}: making ${databases} database${databases === 1 ? '' : 's'}`);
    runs.set(name, await prepare(databases));
  }
  return runs;
}

/**
 * Measures the contenders in turn, in reverse order every second time, so that other load affects all of them. A peer that
 * fails has no figure in this study.
 *
 * @param failed gets a sentence for each peer that fails
 */
async function measure(
  { repetitions, progress }: BenchContext,
  runs: Runs,
  { what, work, messages, leftOut }: Study,
  failed: string[],
): Promise<FiguresOf> {
  const names = [...runs.keys()].filter((name) => !leftOut.includes(name));
  const figures = new Map(names.map((name) => [name, [] as Figures[]]));
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const name of repetition % 2 === 0 ? names.toReversed() : names) {
      if (!figures.has(name)) continue;
      progress(`${what}: ${name}, repetition ${repetition}`);
      const run = runs.get(name)!;
      try {
        if (messages > 0) await run({ kind: 'fill', messages });
        figures.get(name)!.push(await run(work));
      } catch (error) {
        if (name === ours) throw error;
        figures.delete(name);
        failed.push(`${name} failed in "${what}": ${reasonOf(error)}`);
      }
    }
  }
  return figures;
}

/** One row of the table, with a column for each contender; undefined if none of them has the figure. */
function measurementOf(
  { what, databases }: Study,
  { figure, title }: Row,
  figures: FiguresOf,
): Measurement | undefined {
  const columns = [...figures]
    .map(([name, list]) => ({ name, values: valuesOf(figure, list) }))
    .filter(({ values }) => values.length > 0)
    .map(({ name, values }) => [name, spread(values)]);
  if (columns.length === 0) return undefined;
  return { case: `${what}: ${title}`, counts: { databases }, figures: Object.fromEntries(columns) };
}

/** A sentence for each peer that is better than multi-outbox in this row. */
function peersAhead(row: string, { figure, best }: Row, figures: FiguresOf): string[] {
  const own = valuesOf(figure, figures.get(ours));
  return [...figures].flatMap(([name, list]) => {
    const theirs = valuesOf(figure, list);
    if (name === ours || own.length === 0 || theirs.length === 0) return [];
    const { median } = ratio(theirs, own);
    const isAhead = best === 'most' ? median > 1 : median < 1;
    return isAhead ? [`${name} is ahead of ${ours} in "${row}": ${median} times its figure.`] : [];
  });
}

function valuesOf(figure: string, list: readonly Figures[] = []): number[] {
  return list.flatMap((figures) => figures[figure] ?? []);
}
