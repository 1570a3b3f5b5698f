/** Measures the cost of ordering keys: a drain of messages of many interleaved keys, and one of the same messages without keys. */
import { atLeast, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet, timedDrain } from './fleet.ts';
import type { RawExtra } from './place.ts';
import { perSecond, ratio } from './spread.ts';
import { interleave, timedMessages } from './timing.ts';

/** How many keys take turns, and the batch size. */
const cases = [
  { keys: 500, batchSize: 100 },
  { keys: 500, batchSize: 500 },
  { keys: 1_000, batchSize: 500 },
];

const template = (keys: number) => (keys === 0 ? 'keyless' : `keys-${keys}`);

export const keyed: Benchmark = {
  name: 'keyed',
  title: 'draining messages of many ordering keys, as a share of the speed without keys',
  async run({ places, quick, repetitions, progress, measured }) {
    const count = quick ? 2_000 : Math.min(20_000, places.messagesAtMost);
    const cold = places.coldCalls * Math.max(...cases.map(({ batchSize }) => batchSize));
    const place = await places.open('keyed');
    progress('filling');
    const numbers = [...new Set([0, ...cases.map(({ keys }) => keys)])];
    await makeTenants(place, numbers.map(template));
    {
      await using fleet = openFleet(place, hasty);
      for (const keys of numbers) await fill(fleet, template(keys), { count: cold + count, keys });
    }
    const measurements: Measurement[] = [];
    for (const { keys, batchSize } of cases) {
      progress(`${keys} keys, batch ${batchSize}`);
      const drainOf = (from: string) => () => timedDrain(place, from, batchSize, { cold, count });
      const rawOf = (from: string, extra?: RawExtra) => async () => {
        await place.copyTenant(from, 'raw');
        const raw = await place.rawTenant('raw');
        const loop = (raw.drainMinimal ?? raw.drain).bind(raw);
        const cost = await timedMessages({ cold, count }, async (handled) => {
          await loop(batchSize, handled, extra);
        });
        await raw.close();
        await place.removeTenant('raw');
        return cost;
      };
      const costs = await interleave(repetitions, {
        keyed: drainOf(template(keys)),
        keyless: drainOf(template(0)),
        rawKeyed: rawOf(template(keys), 'keys'),
        rawKeyless: rawOf(template(0)),
      });
      const measurement = {
        case: `${keys} keys, batch ${batchSize}`,
        counts: { messages: count },
        figures: {
          shareOfKeyless: ratio(costs.keyless.ms, costs.keyed.ms),
          cpuShareOfKeyless: ratio(costs.keyless.cpuMs, costs.keyed.cpuMs),
          rawShareOfKeyless: ratio(costs.rawKeyless.ms, costs.rawKeyed.ms),
          cpuRawShareOfKeyless: ratio(costs.rawKeyless.cpuMs, costs.rawKeyed.cpuMs),
          perSecond: perSecond(count, costs.keyed),
          keylessPerSecond: perSecond(count, costs.keyless),
        },
      };
      measurements.push(measurement);
      measured(measurement);
    }
    await place.remove();
    return {
      measurements,
      targets: measurements.map((one) =>
        atLeast(`${one.case}: share of the speed without keys`, one.figures.shareOfKeyless!.median, 0.8),
      ),
      notes: [
        'The raw loop with keys only lets the next message of a key be claimed when the one before it is settled; rawShareOfKeyless is what that costs it.',
        'Message n has key n modulo the number of keys, so that each key has many messages and none are adjacent.',
      ],
    };
  },
};
