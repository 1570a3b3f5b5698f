/**
 * One tenant has 120,000 messages waiting, and 99 others get one message a second each. Measures how long the messages
 * of the 99 wait for their handlers under each strategy, against the time before the flood in the same run.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { strategies } from '../src/fleet/plan/strategies/index.ts';
import { defineHandler, type Settings } from '../src/index.ts';
import { assertCount, atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet, tenantNames, topic } from './fleet.ts';
import type { ProducersJob } from './flood-producers.ts';
import type { Place } from './place.ts';
import { quantile, ratio, spread } from './spread.ts';

type StrategyName = Settings['plan']['strategy'];

const producers = fileURLToPath(new URL('flood-producers.ts', import.meta.url));
const flooded = 'flooded';
/** A handler's time: the shortest that a call to another service takes. */
const handlerMs = 5;

interface Size {
  readonly tenants: number;
  /** More than the flooded tenant's handlers can take in all windows. */
  readonly messages: number;
  /** A repetition is a window without the flood and one with it, so that other load on the machine affects both equally. */
  readonly windowMs: number;
  /** Messages enqueued this close to either end of a window are not counted. */
  readonly marginMs: number;
}

const full: Size = { tenants: 99, messages: 120_000, windowMs: 4_000, marginMs: 250 };
const small: Size = { tenants: 4, messages: 10_000, windowMs: 1_100, marginMs: 50 };

interface Waits {
  readonly quietMs: number;
  readonly floodMs: number;
}

export const flood: Benchmark = {
  name: 'flood',
  title: "other tenants' time from enqueue to handler while one is flooded, against before",
  async run({ places, quick, repetitions, progress }) {
    const size = quick ? small : full;
    const measurements: Measurement[] = [];
    for (const strategy of Object.keys(strategies) as StrategyName[]) {
      progress(strategy);
      const place = await places.open(`flood-${strategy}`);
      const waits = await measure(place, strategy, size, repetitions);
      await place.remove();
      const of = (name: keyof Waits) => waits.map((each) => each[name]);
      measurements.push({
        case: strategy,
        counts: { tenants: size.tenants, flood: size.messages },
        figures: {
          timesQuiet: ratio(of('floodMs'), of('quietMs')),
          quietP99Ms: spread(of('quietMs')),
          floodP99Ms: spread(of('floodMs')),
        },
      });
    }
    return {
      measurements,
      targets: measurements.map(({ case: strategy, figures }) =>
        atMost(`${strategy}: p99 with the flood, times without`, figures.timesQuiet!.median, 1.5),
      ),
      notes: [
        `Every handler takes ${handlerMs} ms; the flooded tenant has the highest priority and weight and the shortest SLA. Producers are a process of their own, as applications are; waits are from their call to enqueue until the handler begins. The benchmark starts and stops the flood in turn, by resuming and pausing its tenant.`,
      ],
    };
  },
};

async function measure(
  place: Place,
  strategy: StrategyName,
  size: Size,
  repetitions: number,
): Promise<Waits[]> {
  const others = tenantNames(size.tenants);
  await makeTenants(place, [...others, flooded]);
  {
    await using fleet = openFleet(place, hasty);
    await fleet.tenants.change({ id: flooded, priority: 10, weight: 10, slaSeconds: 1 });
    await fill(fleet, flooded, { count: size.messages });
    // The tenant is not dispatched until the flood begins.
    await fleet.tenants.pause(flooded);
  }
  let waits: number[] = [];
  let window = { from: 0, to: 0 };
  let left = size.messages;
  const begun = Promise.withResolvers<void>();
  const handler = defineHandler({
    topic,
    async handle({ payload }, { tenant }) {
      begun.resolve();
      if (tenant.id === flooded) {
        await delay(handlerMs);
        left--;
        return;
      }
      const { at } = JSON.parse(payload) as { at: number };
      if (at >= window.from && at < window.to) waits.push(Date.now() - at);
      await delay(handlerMs);
    },
  });
  await using fleet = openFleet(place, { plan: { strategy } }, [handler]);
  const stop = new AbortController();
  const running = fleet.run({ signal: stop.signal });
  const job: ProducersJob = { place: { registry: place.registry }, tenants: others };
  const producing = fork(producers, [JSON.stringify(job)]);
  /** The longest wait of 99 in 100 messages of the next window. */
  async function watch(): Promise<number> {
    waits = [];
    const now = Date.now();
    window = { from: now + size.marginMs, to: now + size.windowMs - size.marginMs };
    await delay(size.windowMs);
    return quantile(waits, 0.99);
  }
  const measured: Waits[] = [];
  try {
    await begun.promise;
    // The first windows warm up.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      const quietMs = await watch();
      await fleet.tenants.resume(flooded);
      const floodMs = await watch();
      assertCount('messages of the flood that wait at its end', Math.min(left, 1), 1);
      await fleet.tenants.pause(flooded);
      if (repetition > 0) measured.push({ quietMs, floodMs });
    }
  } finally {
    producing.disconnect();
    await once(producing, 'exit');
    stop.abort();
    await running;
  }
  return measured;
}
