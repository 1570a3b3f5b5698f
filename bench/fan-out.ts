/**
 * Measures a plan of a large fleet through the function app (timer, pages, dispatch requests) on a real queue service.
 * It compares the plan with putting as many messages into a queue one after another, as a single invocation would.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { QueueServiceClient } from '@azure/storage-queue';
import { Azurite } from '../test/support/azurite.ts';
import { functionQueues, Instance } from '../test/support/functions-app.ts';
import { until } from '../test/support/until.ts';
import { assertCount, type Benchmark } from './benchmark.ts';
import { hasty, openFleet, tenantNames } from './fleet.ts';
import type { Place } from './place.ts';
import { ratio, spread } from './spread.ts';
import { type Cost, interleave, timed } from './timing.ts';

const bundle = path.resolve('test/support/functions-host/bundle.mjs');
const queueName = 'multi-outbox-dispatch';
const waitMs = 120_000;
const mebibyte = 1_048_576;

interface Figures {
  readonly pages: number;
  readonly planMs: number;
  readonly queueRequests: number;
  readonly peakRssMiB: number;
}

export const fanOut: Benchmark = {
  name: 'fan-out',
  title: 'a plan of many due tenants through pages to requests in the queue, against a raw loop of sends',
  async run({ places, quick, repetitions, progress }) {
    const ids = tenantNames(quick ? 500 : 10_000);
    const app = mkdtempSync(path.join(tmpdir(), 'multi-outbox-fan-out-'));
    const place = await places.open('fan-out');
    try {
      execFileSync(process.execPath, [bundle, app]);
      progress(`registering ${ids.length} tenants`);
      await using fleet = openFleet(place, hasty);
      await fleet.migrate({ tenants: [] });
      for (const id of ids) await fleet.tenants.add({ id });
      const raw = await place.rawRegistry();
      await using _raw = { [Symbol.asyncDispose]: () => raw.close() };
      const measured: Figures[] = [];
      // A repetition takes most of a minute.
      const costs = await interleave(Math.min(repetitions, 3), {
        async ours(repetition) {
          progress(`plan ${repetition}`);
          // The last plan's requests were not served, so a wake would only leave notes for their runs.
          await raw.wake(ids);
          const { cost, ...figures } = await planned(app, place, ids.length);
          if (repetition > 0) measured.push(figures);
          return cost;
        },
        raw: () => sent(ids.length),
      });
      const of = (name: keyof Figures) => spread(measured.map((figures) => figures[name]));
      return {
        measurements: [
          {
            case: `${ids.length.toLocaleString('en')} due`,
            counts: { tenants: ids.length, pages: measured[0]!.pages },
            figures: {
              timesRaw: ratio(costs.ours.ms, costs.raw.ms),
              ms: spread(costs.ours.ms),
              rawMs: spread(costs.raw.ms),
              planMs: of('planMs'),
              queueRequests: of('queueRequests'),
              peakRssMiB: of('peakRssMiB'),
            },
          },
        ],
        targets: [],
        notes: [
          'ms is the time from the timer until the last request is in the queue; planMs is the time of only the invocation of plan. There is one instance, and its memory also holds the stand-in for the host.',
        ],
      };
    } finally {
      await place.remove();
      rmSync(app, { recursive: true, force: true });
    }
  },
};

/** One plan with its own queue service, because clearing thousands of messages from a queue takes longer than the plan. */
async function planned(app: string, place: Place, tenants: number): Promise<Figures & { cost: Cost }> {
  await using azurite = await Azurite.start();
  await azurite.createQueues(...functionQueues);
  const env = {
    ...process.env,
    AzureWebJobsStorage: azurite.connectionString,
    MULTI_OUTBOX_REGISTRY: place.registry,
    'AzureWebJobs.dispatch.Disabled': 'true',
  };
  await using instance = new Instance(env, { folder: app });
  await instance.ready();
  const cost = await timed(async () => {
    await instance.tick();
    await until(
      'all requests are in the queue',
      async () => (await instance.measure()).sent[queueName] === tenants,
      waitMs,
    );
  });
  assertCount('requests in the queue', await azurite.count(queueName), tenants);
  assertCount(
    'failed invocations',
    instance.invocations.filter(({ error }) => error !== undefined).length,
    0,
  );
  const { requests, peakRss } = await instance.measure();
  const [plan] = instance.of('plan');
  return {
    cost,
    pages: plan!.outputs.length,
    planMs: plan!.ms,
    queueRequests: requests,
    peakRssMiB: peakRss / mebibyte,
  };
}

async function sent(messages: number): Promise<Cost> {
  await using azurite = await Azurite.start();
  const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(queueName);
  await queue.create();
  const content = Buffer.from(JSON.stringify({ tenantId: 'tenant-1', padding: 'x'.repeat(120) }));
  // Await the result here, because the service ends with this block.
  return await timed(async () => {
    for (let count = 0; count < messages; count++) await queue.sendMessage(content.toString('base64'));
  });
}
