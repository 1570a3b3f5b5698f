/** The measured process: drains a tenant and prints by how much its memory grew. bench/memory.ts starts it. */
import { setImmediate as immediate } from 'node:timers/promises';
import { createMultiOutbox, defineHandler } from '../src/index.ts';
import { drainTenant, topic } from './fleet.ts';

export interface MemoryGrowth {
  readonly done: number;
  readonly samples: number;
  /** Memory in bytes; a growth can be negative. */
  readonly baseRss: number;
  readonly peakRss: number;
  readonly peakHeap: number;
  /** Memory that was not released after the drain. */
  readonly keptHeap: number;
}

export interface MemoryJob {
  readonly registry: string;
  /** A tenant with a small backlog, drained first, so that lazy code is loaded and compiled. */
  readonly warmUp: string;
  readonly measured: string;
}

const job = JSON.parse(process.argv[2]!) as MemoryJob;
const collectGarbage = (globalThis as { gc?: () => void }).gc!;

let handled = 0;
let samples = 0;
let peakRss = 0;
let peakHeap = 0;

function sample(): void {
  samples++;
  const { rss, heapUsed } = process.memoryUsage();
  peakRss = Math.max(peakRss, rss);
  peakHeap = Math.max(peakHeap, heapUsed);
}

const handler = defineHandler({
  topic,
  async handle() {
    await immediate();
    if (++handled % 250 === 0) sample();
  },
});

await using fleet = createMultiOutbox({ registry: job.registry, handlers: [handler] });

await drainTenant(fleet, job.warmUp);
collectGarbage();
const base = process.memoryUsage();
samples = peakRss = peakHeap = 0;
const { done } = await drainTenant(fleet, job.measured);
sample();
collectGarbage();
const growth: MemoryGrowth = {
  done,
  samples,
  baseRss: base.rss,
  peakRss: peakRss - base.rss,
  peakHeap: peakHeap - base.heapUsed,
  keptHeap: process.memoryUsage().heapUsed - base.heapUsed,
};
process.stdout.write(`${JSON.stringify(growth)}\n`);
