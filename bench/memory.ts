/** Measures how much a process's memory grows while it dispatches a large backlog. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertCount, atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet } from './fleet.ts';
import type { MemoryGrowth, MemoryJob } from './memory-child.ts';
import type { Place } from './place.ts';
import { spread } from './spread.ts';

const child = fileURLToPath(new URL('memory-child.ts', import.meta.url));
const run = promisify(execFile);
const batches = [100, 500];

export const memory: Benchmark = {
  name: 'memory',
  title: 'growth of memory while messages of 1 KB drain',
  async run({ places, quick, repetitions, progress }) {
    const messages = quick ? 2_000 : 200_000;
    const place = await places.open('memory');
    progress(`filling ${messages} messages`);
    await makeTenants(place, ['template', 'small']);
    {
      await using fleet = openFleet(place, hasty);
      await fill(fleet, 'template', { count: messages, size: 1_024 });
      await fill(fleet, 'small', { count: 2_000, size: 1_024 });
    }
    const measurements: Measurement[] = [];
    for (const batchSize of batches) {
      progress(`batch ${batchSize}`);
      const growths: MemoryGrowth[] = [];
      for (let repetition = 1; repetition <= repetitions; repetition++) {
        growths.push(await growthOf(place, batchSize, repetition));
        assertCount(`messages drained at batch ${batchSize}`, growths.at(-1)!.done, messages);
      }
      const mebibytes = (figure: (growth: MemoryGrowth) => number) =>
        spread(growths.map((growth) => figure(growth) / 1_048_576));
      measurements.push({
        case: `batch ${batchSize}`,
        counts: { messages, samples: growths[0]!.samples },
        figures: {
          peakRssGrowthMiB: mebibytes(({ peakRss }) => peakRss),
          peakHeapGrowthMiB: mebibytes(({ peakHeap }) => peakHeap),
          keptHeapMiB: mebibytes(({ keptHeap }) => keptHeap),
          baseRssMiB: mebibytes(({ baseRss }) => baseRss),
        },
      });
    }
    await place.remove();
    return {
      measurements,
      targets: measurements.map((one) =>
        atMost(`${one.case}: peak growth of resident memory, MiB`, one.figures.peakRssGrowthMiB!.median, 100),
      ),
      notes: [
        'Each repetition is a process of its own; growth is relative to the same process after a first, small drain. Handlers are asynchronous, so that batches overlap.',
      ],
    };
  },
};

/** Drains a copy of the backlog in a new process. */
async function growthOf(place: Place, batchSize: number, repetition: number): Promise<MemoryGrowth> {
  const measured = `measured-${batchSize}-${repetition}`;
  const warmUp = `warm-up-${batchSize}-${repetition}`;
  await place.copyTenant('template', measured);
  await place.copyTenant('small', warmUp);
  {
    await using fleet = openFleet(place, hasty);
    for (const id of [measured, warmUp]) await fleet.tenants.add({ id, overrides: { batchSize } });
  }
  const job: MemoryJob = { registry: place.registry, warmUp, measured };
  const output = await outputOf([...process.execArgv, '--expose-gc', child, JSON.stringify(job)]);
  await place.removeTenant(measured);
  return JSON.parse(output) as MemoryGrowth;
}

/** Runs a Node process and returns its output. The process ends with this one. */
async function outputOf(arguments_: readonly string[]): Promise<string> {
  const running = run(process.execPath, arguments_);
  const kill = () => running.child.kill();
  process.once('exit', kill);
  try {
    return (await running).stdout;
  } finally {
    process.off('exit', kill);
  }
}
