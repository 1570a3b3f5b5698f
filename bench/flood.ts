/**
 * One tenant with 50,000 messages waiting, 99 with one message a second each: how long those wait for their handlers,
 * against how long they waited before the flood in the same run, under each strategy.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { strategies } from '../src/fleet/strategies/index.ts';
import { defineHandler, type Settings } from '../src/index.ts';
import { atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, hasty, makeTenants, openFleet, tenantNames, topic } from './fleet.ts';
import type { ProducersJob } from './flood-producers.ts';
import type { Place } from './place.ts';
import { ratio, spread } from './spread.ts';

type StrategyName = Settings['plan']['strategy'];

const producers = fileURLToPath(new URL('flood-producers.ts', import.meta.url));
const flooded = 'flooded';
/** What a call to another service takes, at least. */
const handlerMs = 5;

interface Size {
  readonly tenants: number;
  readonly messages: number;
  readonly warmUpMs: number;
  readonly quietMs: number;
}

const full: Size = { tenants: 99, messages: 50_000, warmUpMs: 5_000, quietMs: 20_000 };
const small: Size = { tenants: 4, messages: 3_000, warmUpMs: 100, quietMs: 1_500 };

interface Waits {
  readonly quietMs: number;
  readonly floodMs: number;
  readonly drainMs: number;
}

export const flood: Benchmark = {
  name: 'flood',
  title: "other tenants' time from enqueue to handler while one is flooded, against before",
  async run({ places, quick, repetitions, progress }) {
    const size = quick ? small : full;
    const measurements: Measurement[] = [];
    // A repetition is a minute.
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
          drainMs: spread(of('drainMs')),
        },
      });
    }
    return {
      measurements,
      targets: measurements.map(({ case: strategy, figures }) =>
        atMost(`${strategy}: p99 with the flood, times without`, figures.timesQuiet!.median, 1.5),
      ),
      notes: [
        `Every handler takes ${handlerMs} ms; the flooded tenant has the highest priority and weight and the shortest SLA. Producers are a process of their own, as applications are; waits are from their call to enqueue until the handler begins.`,
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
    // Until the flood begins nobody serves it.
    await fleet.tenants.pause(flooded);
  }
  let waits: number[] = [];
  let left = size.messages;
  const drained = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const handler = defineHandler({
    topic,
    async handle({ payload }, { tenant }) {
      if (tenant.id !== flooded) waits.push(Date.now() - JSON.parse(payload).at);
      begun.resolve();
      await delay(handlerMs);
      if (tenant.id === flooded && --left === 0) drained.resolve();
    },
  });
  await using fleet = openFleet(place, { plan: { strategy } }, [handler]);
  const stop = new AbortController();
  const running = fleet.run({ signal: stop.signal });
  const job: ProducersJob = { place: { registry: place.registry }, tenants: others };
  const producing = fork(producers, [JSON.stringify(job)]);
  await begun.promise;
  await delay(size.warmUpMs);
  waits = [];
  await delay(size.quietMs);
  const quiet = waits;
  waits = [];
  await fleet.tenants.resume(flooded);
  const beganAt = performance.now();
  await drained.promise;
  const drainMs = performance.now() - beganAt;
  const flood = waits;
  producing.disconnect();
  await once(producing, 'exit');
  stop.abort();
  await running;
  return { quietMs: p99(quiet), floodMs: p99(flood), drainMs };
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(0.99 * values.length) - 1]!;
}
