/**
 * One tenant has 50,000 messages waiting, and 99 others get one message a second each. Measures how long the messages
 * of the 99 wait for their handlers under each strategy, against the time before the flood in the same run.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { strategies } from '../src/fleet/plan/strategies/index.ts';
import { defineHandler, type Settings } from '../src/index.ts';
import { atMost, type Benchmark, type Measurement } from './benchmark.ts';
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
  readonly messages: number;
  /** Windows with and without the flood alternate this often, so that other load on the machine affects both equally. */
  readonly windowMs: number;
  /** Messages enqueued this close to either end of a window are not counted. */
  readonly marginMs: number;
}

const full: Size = { tenants: 99, messages: 50_000, windowMs: 6_000, marginMs: 1_000 };
const small: Size = { tenants: 4, messages: 3_000, windowMs: 1_500, marginMs: 100 };
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
    // A repetition takes a minute.
    const times = Math.min(repetitions, 2);
    for (const strategy of Object.keys(strategies) as StrategyName[]) {
      const waits: Waits[] = [];
      for (let repetition = 1; repetition <= times; repetition++) {
        progress(`${strategy} ${repetition}`);
        const place = await places.open(`flood-${strategy}-${repetition}`);
        waits.push(await measure(place, strategy, size));
        await place.remove();
      }
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
        'Commits are not synced to disk one by one, because with so many small runs the benchmark would measure the disk.',
        `Every handler takes ${handlerMs} ms; the flooded tenant has the highest priority and weight and the shortest SLA. Producers are a process of their own, as applications are; waits are from their call to enqueue until the handler begins. The benchmark starts and stops the flood in turn, by resuming and pausing its tenant.`,
      ],
    };
  },
};

async function measure(place: Place, strategy: StrategyName, size: Size): Promise<Waits> {
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
  await using fleet = openFleet(place, { ...hasty, plan: { strategy } }, [handler]);
  const stop = new AbortController();
  const running = fleet.run({ signal: stop.signal });
  const job: ProducersJob = { place: { registry: place.registry }, tenants: others };
  const producing = fork(producers, [JSON.stringify(job)]);
  /** The messages of the next window, with the flood or without. */
  async function watch(into: number[]): Promise<void> {
    waits = into;
    const now = Date.now();
    window = { from: now + size.marginMs, to: now + size.windowMs - size.marginMs };
    await delay(size.windowMs);
  }
  const quiet: number[] = [];
  const flood: number[] = [];
  try {
    await begun.promise;
    await delay(size.marginMs);
    while (left > 0) {
      await watch(quiet);
      await fleet.tenants.resume(flooded);
      await watch(flood);
      await fleet.tenants.pause(flooded);
    }
  } finally {
    producing.disconnect();
    await once(producing, 'exit');
    stop.abort();
    await running;
  }
  return { quietMs: quantile(quiet, 0.99), floodMs: quantile(flood, 0.99) };
}
