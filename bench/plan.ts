/**
 * Measures a plan for several numbers of registered and due tenants, against reading and updating as many rows of the
 * same table.
 */
import { assertCount, atMost, type BenchContext, type Benchmark, type Measurement } from './benchmark.ts';
import { hasty, openFleet, planAll, tenantNames } from './fleet.ts';
import type { Place, Places } from './place.ts';
import { msEach, ratio, timesRaw } from './spread.ts';
import { type Contender, type Costs, interleave, timedEach } from './timing.ts';

const fullSizes = [100, 1_000, 10_000, 100_000];
const quickSizes = [100, 300];

interface Case {
  readonly name: string;
  readonly registered: number;
  readonly due: number;
}

export const plan: Benchmark = {
  name: 'plan',
  title: 'a plan by registered and due tenants, against a raw select and update of the due rows',
  async run(context) {
    const { places, quick, progress } = context;
    const sizes = quick ? quickSizes : fullSizes.filter((size) => size <= 100_000 * places.scale);
    const registries = new Map<number, Place>();
    for (const size of sizes) {
      progress(`registering ${size} tenants`);
      registries.set(size, await register(places, size));
    }
    const measure = async (cases: readonly Case[]) => {
      progress(`${cases[0]!.name} due`);
      return measureCases(registries, cases, context);
    };
    const percent = sizes.map((registered) => ({
      name: '1 %',
      registered,
      due: Math.ceil(registered / 100),
    }));
    const constant = sizes.map((registered) => ({ name: '100', registered, due: 100 }));
    const byPercent = await measure(percent);
    const byCount = await measure(constant);
    for (const place of registries.values()) await place.remove();
    // In the smallest registry all tenants are due and adjacent, so the largest registry is compared with the second
    // smallest.
    const few = byCount.costs[1]!;
    const many = byCount.costs.at(-1)!;
    return {
      measurements: [...byPercent.measurements, ...byCount.measurements],
      targets: [
        atMost(
          `100 due of ${sizes.at(-1)} registered: times the cost of 100 due of ${sizes[1]}`,
          ratio(many.ms, few.ms).median,
          1.5,
        ),
      ],
      notes: [
        'A plan is two transactions (take the lease and read; commit the choice and release), the raw select and update one.',
      ],
    };
  },
};

async function register(places: Places, count: number): Promise<Place> {
  const place = await places.open(`plan-${count}`);
  {
    await using fleet = openFleet(place, hasty);
    await fleet.migrate({ tenants: [] });
    for (const id of tenantNames(count)) await fleet.tenants.add({ id });
  }
  await planAll(place, count);
  return place;
}

/** Measures all cases in turn within each repetition, so that they can be compared. */
async function measureCases(
  registries: ReadonlyMap<number, Place>,
  cases: readonly Case[],
  { repetitions, quick }: BenchContext,
): Promise<{ measurements: Measurement[]; costs: Costs[] }> {
  const plans = quick ? 1 : 10;
  await using stack = new AsyncDisposableStack();
  const contenders: Record<string, Contender> = {};
  for (const { registered, due } of cases) {
    const place = registries.get(registered)!;
    const fleet = stack.use(openFleet(place, { plan: { redispatchMs: '24h' } }));
    const raw = await place.rawRegistry();
    stack.defer(() => raw.close());
    const ids = spreadOut(tenantNames(registered), due);
    contenders[`ours ${registered}`] = () =>
      timedEach(
        plans,
        // A wake would leave a note for the runs that the last plan requested.
        () => raw.wake(ids),
        async () => {
          const { requests, more } = await fleet.plan();
          assertCount('tenants planned', requests.length, due);
          assertCount('tenants left due', Number(more), 0);
        },
      );
    contenders[`raw ${registered}`] = () =>
      timedEach(
        plans,
        () => raw.wake(ids),
        async () => assertCount('rows moved on', await raw.plan(), due),
      );
  }
  const costs = await interleave(repetitions, contenders);
  const measurements = cases.map(({ name, registered, due }) => {
    const ours = costs[`ours ${registered}`]!;
    return {
      case: `${name} due of ${registered}`,
      counts: { registered, due },
      figures: {
        ...timesRaw(ours, costs[`raw ${registered}`]!),
        ms: msEach(plans, ours),
        msPerDue: msEach(plans * due, ours),
      },
    };
  });
  return { measurements, costs: cases.map(({ registered }) => costs[`ours ${registered}`]!) };
}

/** `count` of the ids, evenly spaced. */
function spreadOut(ids: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, place) => ids[Math.floor((place * ids.length) / count)]!);
}
