/**
 * Measures how long a message takes from the call of `enqueue`, which commits it, to the start of its handler, one message
 * at a time, with the defaults of the local host (F7).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { defineHandler } from '../src/index.ts';
import { atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { makeTenants, openFleet, topic } from './fleet.ts';
import type { Place } from './place.ts';
import { spread } from './spread.ts';

/** The earlier message's run is over after the pause; without a pause it is still in flight. */
const patterns = [
  { name: 'same process, with pauses', pauseMs: 100 },
  { name: 'same process, back to back', pauseMs: 0 },
];

export const latency: Benchmark = {
  name: 'latency',
  title: 'one message at a time, from enqueueing to the start of its handler',
  async run({ places, quick, repetitions, progress, measured }) {
    const messages = quick ? 5 : 100;
    const place = await places.open('latency');
    await makeTenants(place, ['acme']);
    const measurements: Measurement[] = [];
    for (const { name, pauseMs } of patterns) {
      progress(name);
      const p50: number[] = [];
      const p99: number[] = [];
      for (let repetition = 0; repetition <= repetitions; repetition++) {
        const sorted = (await latencies(place, messages, pauseMs)).toSorted((a, b) => a - b);
        // Repetition 0 warms up.
        if (repetition === 0) continue;
        p50.push(sorted[Math.floor(sorted.length * 0.5)]!);
        p99.push(sorted[Math.floor(sorted.length * 0.99)]!);
      }
      const measurement = {
        case: name,
        counts: { messages },
        figures: { p50Ms: spread(p50), p99Ms: spread(p99) },
      };
      measurements.push(measurement);
      measured(measurement);
    }
    await place.remove();
    return {
      measurements,
      targets: measurements.flatMap((one) => [
        atMost(`${one.case}: p50, ms`, one.figures.p50Ms!.median, 5),
        atMost(`${one.case}: p99, ms`, one.figures.p99Ms!.median, 25),
      ]),
      notes: ['The time includes the insert and its commit.'],
    };
  },
};

/** Milliseconds for each message, in order. */
async function latencies(place: Place, messages: number, pauseMs: number): Promise<number[]> {
  let started = () => {};
  const handler = defineHandler({ topic, handle: () => started() });
  await using fleet = openFleet(place, {}, [handler]);
  const stop = new AbortController();
  const running = fleet.run({ signal: stop.signal });
  const outbox = fleet.outbox('acme');
  const times: number[] = [];
  for (let message = 0; message < messages; message++) {
    const start = new Promise<void>((resolve) => {
      started = resolve;
    });
    const from = performance.now();
    const to = start.then(() => performance.now());
    await outbox.enqueue({ topic, payload: 'x' });
    times.push((await to) - from);
    await pause(pauseMs);
  }
  stop.abort();
  await running;
  return times;
}
