/**
 * Measures the console's table of tenants: a page of 100 by several numbers of registered tenants. In the registry's order a page
 * is one short read; any other order needs all tenants, which open pages share.
 */
import { type ConsoleOptions, consoleHandler } from '../src/console/index.ts';
import type { MultiOutbox } from '../src/multi-outbox.ts';
import { assertCount, atMost, type BenchContext, type Benchmark, type Measurement } from './benchmark.ts';
import { openFleet, tenantNames } from './fleet.ts';
import type { Places } from './place.ts';
import { msEach } from './spread.ts';
import { type Contender, interleave, timedEach } from './timing.ts';

const fullSizes = [1_000, 10_000, 100_000];
const quickSizes = [150, 300];
const pageSize = 100;

export const consolePages: Benchmark = {
  name: 'console',
  title: 'a page of 100 tenants of the console, by registered tenants',
  async run(context) {
    const { places, quick, progress } = context;
    const sizes = quick ? quickSizes : fullSizes.filter((size) => size <= 100_000 * places.scale);
    await using stack = new AsyncDisposableStack();
    const fleets = new Map<number, MultiOutbox>();
    for (const size of sizes) {
      progress(`registering ${size} tenants`);
      fleets.set(size, stack.use(await register(places, size)));
    }
    progress('reading pages');
    const measurements = await measure(fleets, context);
    return {
      measurements,
      targets: [
        atMost(
          `milliseconds of registry time of a page in the middle of ${sizes.at(-1)}`,
          measurements.at(-1)!.figures.registryMs!.median,
          100,
        ),
      ],
      notes: [
        'registry: tenants.list of 101 tenants behind the middle one. page: the same through the console, with its guard, as JSON. all: the first page in the order of dead messages after everything was forgotten, which reads every tenant.',
      ],
    };
  },
};

const reads = (quick: boolean) => (quick ? 1 : 20);

async function register(places: Places, count: number) {
  const fleet = openFleet(await places.open(`console-${count}`), { sqlite: { synchronous: 'normal' } });
  await fleet.migrate({ tenants: [] });
  for (const id of tenantNames(count)) await fleet.tenants.add({ id });
  return fleet;
}

async function measure(
  fleets: ReadonlyMap<number, MultiOutbox>,
  { repetitions, quick }: BenchContext,
): Promise<Measurement[]> {
  const contenders: Record<string, Contender> = {};
  const unprepared = async () => {};
  for (const [size, fleet] of fleets) {
    const middle = tenantNames(size).toSorted()[Math.floor(size / 2) - pageSize / 2]!;
    const options: ConsoleOptions = { authorize: () => ({ actor: 'bench' }) };
    const handler = consoleHandler(fleet, options);
    // A console without what another one has read.
    let fresh = handler;
    contenders[`registry ${size}`] = () =>
      timedEach(reads(quick), unprepared, async () => {
        const rows = await fleet.tenants.list({ after: middle, limit: pageSize + 1 });
        assertCount('tenants', Math.min(rows.length, pageSize), pageSize);
      });
    contenders[`page ${size}`] = () =>
      timedEach(reads(quick), unprepared, () =>
        readPage(handler, `?after=${encodeURIComponent(`~${middle}`)}`),
      );
    contenders[`all ${size}`] = () =>
      timedEach(
        1,
        async () => {
          fresh = consoleHandler(fleet, options);
        },
        () => readPage(fresh, '?sort=dead&desc=true'),
      );
  }
  const costs = await interleave(repetitions, contenders);
  return [...fleets.keys()].map((size) => ({
    case: `of ${size}`,
    counts: { registered: size, page: pageSize },
    figures: {
      registryMs: msEach(reads(quick), costs[`registry ${size}`]!),
      pageMs: msEach(reads(quick), costs[`page ${size}`]!),
      allMs: msEach(1, costs[`all ${size}`]!),
    },
  }));
}

async function readPage(handler: (request: Request) => Promise<Response>, query: string): Promise<void> {
  const headers = { 'sec-fetch-site': 'same-origin' };
  const response = await handler(new Request(`http://127.0.0.1/api/tenants${query}`, { headers }));
  if (response.status !== 200) throw new Error(`The console answered ${response.status}.`);
  const { rows } = (await response.json()) as { rows: unknown[] };
  assertCount('rows of a page', rows.length, pageSize);
}
