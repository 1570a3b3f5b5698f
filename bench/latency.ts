/**
 * Measures how long a message takes from the call of `enqueue`, which commits it, to the start of its handler, one message
 * at a time, with the defaults of the local host (F7).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DispatchRequest, defineHandler, type MultiOutbox } from '../src/index.ts';
import { atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { makeTenants, openFleet, topic } from './fleet.ts';
import type { FromHost, ToHost } from './latency-child.ts';
import type { Place } from './place.ts';
import { quantile, spread } from './spread.ts';

const child = fileURLToPath(new URL('latency-child.ts', import.meta.url));

/** Stores one message; resolves with the time at which its handler starts, by `now`. */
type Send = () => Promise<number>;

interface Pattern {
  readonly name: string;
  /** The earlier message's run is over after the pause; without a pause it is still in flight. */
  readonly pauseMs: number;
  readonly p50: number;
  readonly p99: number;
  readonly measure: (place: Place, work: (send: Send) => Promise<void>) => Promise<void>;
}

const patterns: readonly Pattern[] = [
  { name: 'same process, with pauses', pauseMs: 100, p50: 5, p99: 25, measure: inSameProcess },
  { name: 'same process, back to back', pauseMs: 0, p50: 5, p99: 25, measure: inSameProcess },
  { name: 'another process, with pauses', pauseMs: 100, p50: 20, p99: 60, measure: inAnotherProcess },
  { name: 'function app, its queue not counted', pauseMs: 100, p50: 20, p99: 60, measure: throughQueue },
];

export const latency: Benchmark = {
  name: 'latency',
  title: 'one message at a time, from enqueueing to the start of its handler',
  async run({ places, quick, repetitions, progress, measured }) {
    const messages = quick ? 5 : 100;
    const place = await places.open('latency');
    await makeTenants(place, ['acme']);
    const measurements: Measurement[] = [];
    for (const { name, pauseMs, measure } of patterns) {
      progress(name);
      const p50: number[] = [];
      const p99: number[] = [];
      const cpu: number[] = [];
      await measure(place, async (send) => {
        for (let repetition = 0; repetition <= repetitions; repetition++) {
          const { times, cpuMs } = await latencies(send, messages, pauseMs);
          // Repetition 0 warms up.
          if (repetition === 0) continue;
          p50.push(quantile(times, 0.5));
          p99.push(quantile(times, 0.99));
          cpu.push(cpuMs / messages);
        }
      });
      const measurement = {
        case: name,
        counts: { messages },
        figures: { p50Ms: spread(p50), p99Ms: spread(p99), cpuMsEach: spread(cpu) },
      };
      measurements.push(measurement);
      measured(measurement);
    }
    await place.remove();
    return {
      measurements,
      targets: measurements.flatMap((one, index) => [
        atMost(`${one.case}: p50, ms`, one.figures.p50Ms!.median, patterns[index]!.p50),
        atMost(`${one.case}: p99, ms`, one.figures.p99Ms!.median, patterns[index]!.p99),
      ]),
      notes: [
        "The time includes the insert and its commit. cpuMsEach is the processor time of the producer's process for a message, from its enqueueing to the end of the pause after it.",
        'The function app is this process: it dispatches each request as soon as the wake has sent it, so the time of a real queue comes on top.',
      ],
    };
  },
};

const now = () => performance.timeOrigin + performance.now();

/** Milliseconds for each message, in order, and the processor time of all. */
async function latencies(send: Send, messages: number, pauseMs: number) {
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let message = 0; message < messages; message++) {
    const from = now();
    times.push((await send()) - from);
    await pause(pauseMs);
  }
  const { user, system } = process.cpuUsage(before);
  return { times, cpuMs: (user + system) / 1_000 };
}

async function inSameProcess(place: Place, work: (send: Send) => Promise<void>): Promise<void> {
  const { handler, next } = starts();
  await using fleet = openFleet(place, {}, [handler]);
  const stop = new AbortController();
  const running = fleet.run({ signal: stop.signal });
  await work(() => sent(fleet, next()));
  stop.abort();
  await running;
}

async function throughQueue(place: Place, work: (send: Send) => Promise<void>): Promise<void> {
  const { handler, next } = starts();
  await using fleet = openFleet(place, {}, [handler]);
  const runs = new Set<Promise<void>>();
  const dispatch = async (request: DispatchRequest): Promise<void> => {
    const { continuation } = await fleet.dispatch(request, { continues: true });
    if (continuation) await dispatch(continuation);
  };
  const app = fleet.sending((request) => {
    const run = dispatch(request).then(() => void runs.delete(run));
    runs.add(run);
  });
  await work(() => sent(app, next()));
  await Promise.all(runs);
}

async function inAnotherProcess(place: Place, work: (send: Send) => Promise<void>): Promise<void> {
  await using fleet = openFleet(place);
  const host = fork(child);
  const ended = once(host, 'exit');
  try {
    const tell = (message: ToHost) => void host.send(message);
    let hear: (startedAt: number) => void = () => {};
    const ready = new Promise<void>((resolve, reject) => {
      host.on('message', (message: FromHost) => {
        if ('isReady' in message) resolve();
        else hear(message.startedAt);
      });
      host.once('exit', (code) => reject(new Error(`The host's process has ended (${code}).`)));
    });
    tell({ registry: place.registry });
    await ready;
    await work(() => {
      const start = new Promise<number>((resolve) => {
        hear = resolve;
      });
      return sent(fleet, start);
    });
    tell({ end: true });
    await ended;
  } finally {
    host.kill();
  }
}

/** A handler, and the time of its next start. */
function starts() {
  let started: (at: number) => void = () => {};
  const handler = defineHandler({ topic, handle: () => started(now()) });
  const next = () =>
    new Promise<number>((resolve) => {
      started = resolve;
    });
  return { handler, next };
}

async function sent(fleet: Pick<MultiOutbox, 'outbox'>, start: Promise<number>): Promise<number> {
  await fleet.outbox('acme').enqueue({ topic, payload: 'x' });
  return start;
}
