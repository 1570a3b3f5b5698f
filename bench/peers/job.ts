/** The process of one measurement of one system: does the job of the environment variable BENCH_JOB, and prints its figures as one line of JSON. */
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { quantile } from '../spread.ts';
import { collectGarbage } from '../timing.ts';
import type { OpenPeer } from './peer.ts';
import { processesCost } from './processes-cost.ts';

/** A process loads only the system that it measures. */
const peers = {
  'multi-outbox': async () => (await import('./multi-outbox.ts')).multiOutbox,
  'graphile-worker': async () => (await import('./graphile-worker.ts')).graphileWorker,
  'pg-boss': async () => (await import('./pg-boss.ts')).pgBoss,
  plainjob: async () => (await import('./plainjob.ts')).plainjob,
} satisfies Record<string, () => Promise<OpenPeer>>;
export type PeerName = keyof typeof peers;

export interface Job {
  readonly peer: PeerName;
  readonly work: Work;
  readonly names: readonly string[];
  readonly folder: string;
  /** The folder with the peers' packages. */
  readonly packages: string;
  readonly postgres?: string;
  /** The first process of the system's server, if the benchmark has started it. */
  readonly serverPid?: number;
}

export type Work =
  | { readonly kind: 'prepare' }
  | { readonly kind: 'fill'; readonly messages: number }
  | { readonly kind: 'remove' }
  | { readonly kind: 'drain'; readonly messages: number; readonly batch: number }
  | { readonly kind: 'latency'; readonly messages: number; readonly atMostMs: number }
  | { readonly kind: 'serve'; readonly idleMs: number };

export type Figures = Readonly<Record<string, number>>;

/** The handlers of a run of ours are at most so many at once by default. */
const concurrency = 16;

const job = JSON.parse(process.env.BENCH_JOB!) as Job;
const { names, work } = job;
const open = await peers[job.peer]();
const peer = await open({
  ...job,
  load: createRequire(`${job.packages}/`),
  counting: work.kind === 'serve',
});
const figures = await measure();
process.stdout.write(`${JSON.stringify(figures)}\n`);

async function measure(): Promise<Figures> {
  switch (work.kind) {
    case 'prepare':
      await peer.prepare(names);
      return {};
    case 'fill':
      await peer.fill(names[0]!, work.messages);
      return {};
    case 'remove':
      await peer.remove(names);
      return {};
    case 'drain':
      return drain(names[0]!, work.messages, work.batch);
    case 'latency':
      return latency(names[0]!, work.messages, work.atMostMs);
    case 'serve':
      return serve(work.idleMs);
  }
}

/** Until all are settled. The first tenth warms up and does not count. */
async function drain(name: string, messages: number, batch: number): Promise<Figures> {
  const uncounted = Math.floor(messages / 10);
  let from = 0;
  const { handle, seen } = counter((count) => {
    if (count === uncounted) from = performance.now();
  });
  const host = await peer.host([name], handle, { batch, concurrency: Math.min(batch, concurrency) });
  await seen(messages);
  while ((await peer.unsettled(name)) > 0) await pause(1);
  const seconds = (performance.now() - from) / 1_000;
  await host.stop();
  await seen(messages);
  return {
    perSecond: (messages - uncounted) / seconds,
    peakRssMiB: process.resourceUsage().maxRSS / 1_024,
  };
}

/** From the call that stores a message to the start of its handler. The earlier message is settled meanwhile. */
async function latency(name: string, messages: number, atMostMs: number): Promise<Figures> {
  const warmUp = Math.ceil(messages / 10);
  const { handle, seen } = counter();
  const host = await peer.host([name], handle);
  const times: number[] = [];
  const end = performance.now() + atMostMs;
  for (let message = 1; message <= warmUp + messages; message++) {
    const from = performance.now();
    const started = seen(message);
    await host.send(name);
    const time = (await started) - from;
    if (message > warmUp) times.push(time);
    if (times.length > 0 && performance.now() > end) break;
    await pause(100);
  }
  await host.stop();
  return { messages: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

/** One process serves all databases: what it costs while nothing is to do, and the time until a message in each was handled. */
async function serve(idleMs: number): Promise<Figures> {
  const { handle, seen } = counter();
  const host = await peer.host(names, handle);
  const sendToAll = () => Promise.all(names.map((name) => host.send(name)));
  await sendToAll();
  await seen(names.length);
  for (const name of names) while ((await peer.unsettled(name)) > 0) await pause(10);

  collectGarbage();
  const before = { calls: peer.calls(), cpu: process.cpuUsage(), server: await serverCost() };
  const from = performance.now();
  await pause(idleMs);
  const seconds = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(before.cpu);
  const calls = peer.calls() - before.calls;
  const server = await serverCost();
  const { rss } = process.memoryUsage();

  const sentAt = performance.now();
  const sending = sendToAll();
  const sweptAt = await seen(2 * names.length);
  await sending;
  await host.stop();
  return {
    callsPerSecond: calls / seconds,
    cpuMsPerSecond: (user + system) / 1_000 / seconds,
    rssMiB: rss / 1_048_576,
    sweepMs: sweptAt - sentAt,
    ...(server && {
      serverCpuMsPerSecond: (server.cpuMs - before.server!.cpuMs) / seconds,
      serverMiB: server.mebibytes,
    }),
  };
}

async function serverCost() {
  return job.serverPid === undefined ? undefined : processesCost(job.serverPid);
}

/** Counts handled messages. */
function counter(onHandled: (count: number) => void = () => {}) {
  let count = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let tell: (at: number) => void = () => {};
  let lastAt = 0;
  return {
    handle() {
      lastAt = performance.now();
      onHandled(++count);
      if (count === wanted) tell(lastAt);
    },
    /** Resolves with the start of the handler of message number `total`; rejects if there were more. */
    seen(total: number): Promise<number> {
      if (count > total) return Promise.reject(new Error(`${count} messages were handled, not ${total}.`));
      if (count === total) return Promise.resolve(lastAt);
      wanted = total;
      return new Promise((resolve) => {
        tell = resolve;
      });
    },
  };
}
