/** How much memory grows while a large backlog is dispatched, in a process of its own. */
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
const mebibyte = 1_048_576;
const batches = [100, 500];

export const memory: Benchmark = {
  name: 'memory',
  title: 'growth of memory while messages of 1 KB drain',
  async run({ places, quick, progress }) {
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
      const measured = await copyOf(place, 'template', batchSize);
      const warmUp = await copyOf(place, 'small', batchSize);
      const job: MemoryJob = { registry: place.registry, warmUp, measured };
      const arguments_ = [...process.execArgv, '--expose-gc', child, JSON.stringify(job)];
      const growth = JSON.parse(await outputOf(arguments_)) as MemoryGrowth;
      await place.removeTenant(measured);
      assertCount(`messages drained at batch ${batchSize}`, growth.done, messages);
      measurements.push({
        case: `batch ${batchSize}`,
        counts: { messages, samples: growth.samples },
        figures: {
          peakRssGrowthMiB: spread([growth.peakRss / mebibyte]),
          peakHeapGrowthMiB: spread([growth.peakHeap / mebibyte]),
          keptHeapMiB: spread([growth.keptHeap / mebibyte]),
          baseRssMiB: spread([growth.baseRss / mebibyte]),
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
        'Growth is against the same process after a first, small drain. Handlers are asynchronous, so that batches overlap.',
      ],
    };
  },
};

async function copyOf(place: Place, template: string, batchSize: number): Promise<string> {
  const id = `${template}-${batchSize}`;
  await place.copyTenant(template, id);
  await using fleet = openFleet(place, hasty);
  await fleet.tenants.add({ id, overrides: { batchSize } });
  return id;
}

/** What a Node process prints. It does not outlive this one. */
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
