/**
 * Measures how fast a run dispatches one tenant's backlog, against raw claim-and-settle loops on a copy of the same
 * database.
 */
import { assertCount, atLeast, type BenchContext, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet, timedDrain } from './fleet.ts';
import type { Place, Places, RawExtra } from './place.ts';
import { perSecond, ratio, sharesOfRaw } from './spread.ts';
import { type Contender, interleave, timedMessages } from './timing.ts';

interface Case {
  readonly batch: number;
  /** Drained first, and not counted. */
  readonly cold: number;
  readonly messages: number;
}

const batches = [1, 10, 100, 500];
const messagesOf = (batch: number, quick: boolean, { messagesAtMost, callsAtMost }: Places) =>
  quick ? Math.min(20 * batch, 1_000) : Math.min(messagesAtMost, batch * callsAtMost);

/** Small batches sync to disk for every few messages: a repetition takes minutes, so the noise averages out. */
const repetitionsAtMost = (batch: number) => (batch < 100 ? 1 : Number.POSITIVE_INFINITY);

const template = (messages: number) => `template-${messages}`;

export const drain: Benchmark = {
  name: 'drain',
  title: 'draining a tenant, as a share of the speed of a raw claim-and-settle loop',
  async run(context) {
    const { places, quick, progress, measured } = context;
    const cases = batches.map((batch) => ({
      batch,
      cold: places.coldCalls * batch,
      messages: messagesOf(batch, quick, places),
    }));
    const place = await places.open('drain');
    const sizes = [...new Set(cases.map(({ cold, messages }) => cold + messages))];
    progress('filling');
    await makeTenants(place, sizes.map(template));
    {
      await using fleet = openFleet(place, hasty);
      for (const count of sizes) await fill(fleet, template(count), { count });
    }
    const measurements: Measurement[] = [];
    for (const one of cases) {
      progress(`batch ${one.batch}`);
      const measurement = await measure(context, place, one);
      measurements.push(measurement);
      measured(measurement);
    }
    await place.remove();
    const { shareOfRaw } = measurements.at(-1)!.figures;
    return {
      measurements,
      targets: [atLeast('share of the raw speed at batch 500', shareOfRaw!.median, 0.6)],
      notes: [
        places.rawLoop,
        ...(places.minimalLoop === null ? [] : [places.minimalLoop]),
        'The leased loop is the smallest of these loops, and also renews a lease in each transaction.',
        'Batches 1 and 10 are measured once: they sync to disk for every few messages.',
      ],
    };
  },
};

async function measure(
  { places, repetitions }: BenchContext,
  place: Place,
  { batch, cold, messages }: Case,
): Promise<Measurement> {
  const calls = Math.ceil((cold + messages) / batch) + 1;
  const from = template(cold + messages);
  const counted = { cold, count: messages };
  const loop = (how: 'drain' | 'drainMinimal', extra?: RawExtra) => async () => {
    await place.copyTenant(from, 'raw');
    const raw = await place.rawTenant('raw');
    const cost = await timedMessages(counted, async (handled) => {
      await raw[how]!(batch, handled, extra);
    });
    await raw.close();
    await place.removeTenant('raw');
    return cost;
  };
  const contenders: Record<string, Contender> = {
    ours: () =>
      timedDrain(place, from, batch, counted, (drained) => {
        // One call for each batch plus one at the start (Q9).
        assertCount(`calls at batch ${batch}`, drained.calls, calls);
      }),
    raw: loop('drain'),
    ...(places.minimalLoop !== null && { minimal: loop('drainMinimal') }),
    leased: loop(places.minimalLoop === null ? 'drain' : 'drainMinimal', 'lease'),
  };
  const costs = await interleave(Math.min(repetitions, repetitionsAtMost(batch)), contenders);
  const ours = costs.ours!;
  const raw = costs.raw!;
  const leased = costs.leased!;
  const { minimal } = costs;
  return {
    case: `batch ${batch}`,
    counts: { messages, calls },
    figures: {
      ...sharesOfRaw(ours, raw),
      ...(minimal && { shareOfMinimal: ratio(minimal.ms, ours.ms) }),
      shareOfLeased: ratio(leased.ms, ours.ms),
      cpuShareOfLeased: ratio(leased.cpuMs, ours.cpuMs),
      perSecond: perSecond(messages, ours),
      rawPerSecond: perSecond(messages, raw),
      ...(minimal && { minimalPerSecond: perSecond(messages, minimal) }),
    },
  };
}
