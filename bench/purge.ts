/**
 * Measures how long a host with nothing else to do takes to remove a backlog of Done messages whose retention is over
 * (Q12), against a raw loop of deletes, and how long a producer in another process waits for its commits meanwhile.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assertCount, atMost, type Benchmark } from './benchmark.ts';
import { drainTenant, fill, hasty, makeTenants, openFleet, withCopy } from './fleet.ts';
import type { Place } from './place.ts';
import type { ProducerJob } from './purge-producer.ts';
import { perSecond, quantile, ratio, spread } from './spread.ts';
import { interleave, timed } from './timing.ts';

const producer = fileURLToPath(new URL('purge-producer.ts', import.meta.url));
const template = 'done';
const rowsAtOnce = 1_000;
const dayMs = 86_400_000;

interface Waits {
  readonly quiet: readonly number[];
  readonly purge: readonly number[];
}

export const purge: Benchmark = {
  name: 'purge',
  title: 'removing Done messages in idle runs, against a raw loop of deletes',
  async run({ places, quick, repetitions, progress }) {
    const messages = quick ? 3_000 : 300_000;
    const place = await places.open('purge');
    progress('filling');
    await makeTenants(place, [template]);
    await fillDone(place, messages);
    const waits: Waits[] = [];
    // A repetition takes a minute.
    const costs = await interleave(Math.min(repetitions, 2), {
      ours: async (repetition) => {
        progress(`repetition ${repetition}`);
        return withCopy(place, template, {}, async (fleet, tenantId) => {
          const job: ProducerJob = { place: { registry: place.registry }, tenantId };
          const producing = fork(producer, [JSON.stringify(job)]);
          const taken = async () => {
            producing.send('take');
            return (await once(producing, 'message'))[0] as number[];
          };
          const tenant = await place.rawTenant(tenantId);
          const database = tenant.connection as DatabaseSync;
          const stop = new AbortController();
          let running: Promise<unknown> | undefined;
          try {
            // The first enqueues open the database.
            await delay(1_000);
            await taken();
            await delay(quick ? 500 : 10_000);
            const quietWaits = await taken();
            const cost = await timed(async () => {
              running = fleet.run({ signal: stop.signal });
              while (isDoneLeft(database)) await delay(50);
            });
            const purgeWaits = await taken();
            if (repetition > 0) waits.push({ quiet: quietWaits, purge: purgeWaits });
            return cost;
          } finally {
            stop.abort();
            await running;
            producing.disconnect();
            await once(producing, 'exit');
            await tenant.close();
          }
        });
      },
      raw: () =>
        withCopy(place, template, {}, async (_, tenantId) => {
          const tenant = await place.rawTenant(tenantId);
          const cost = await timed(async () => {
            assertCount('rows deleted', deleteAll(tenant.connection as DatabaseSync), messages);
          });
          await tenant.close();
          return cost;
        }),
    });
    await place.remove();
    const p99s = (of: keyof Waits) => waits.map((each) => quantile(each[of], 0.99));
    const seconds = spread(costs.ours.ms.map((ms) => ms / 1_000));
    return {
      measurements: [
        {
          case: `${messages} Done messages`,
          counts: { messages },
          figures: {
            seconds,
            perSecond: perSecond(messages, costs.ours),
            timesRaw: ratio(costs.ours.ms, costs.raw.ms),
            rawPerSecond: perSecond(messages, costs.raw),
            producerTimesQuiet: ratio(p99s('purge'), p99s('quiet')),
            producerQuietP99Ms: spread(p99s('quiet')),
            producerPurgeP99Ms: spread(p99s('purge')),
            producerPurgeMaxMs: spread(waits.map(({ purge: all }) => Math.max(...all))),
          },
        },
      ],
      targets: [atMost('minutes to remove them', seconds.median / 60, 10)],
      notes: [
        `The host runs as by default, with one tenant. The raw loop deletes ${rowsAtOnce} rows in each transaction, without pauses.`,
        'The producer is a process of its own, which enqueues a message every 20 ms. Its figures are the 99 % quantiles of the times of its calls.',
      ],
    };
  },
};

async function fillDone(place: Place, count: number): Promise<void> {
  {
    await using fleet = openFleet(place, { ...hasty, dispatch: { batchSize: 500 } });
    await fill(fleet, template, { count });
    assertCount('messages drained', (await drainTenant(fleet, template)).done, count);
    // The host that is measured serves only the copy.
    await fleet.tenants.pause(template);
  }
  const tenant = await place.rawTenant(template);
  const database = tenant.connection as DatabaseSync;
  const { changes } = database
    .prepare('UPDATE Outbox SET SettledUtc = SettledUtc - ? WHERE Status = 2')
    .run(365 * dayMs);
  assertCount('messages made old', Number(changes), count);
  // A copy is of the file without its write-ahead log.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  await tenant.close();
}

function isDoneLeft(database: DatabaseSync): boolean {
  return (
    database.prepare('SELECT 1 FROM Outbox INDEXED BY Outbox_Settled WHERE Status = 2 LIMIT 1').get() !==
    undefined
  );
}

function deleteAll(database: DatabaseSync): number {
  const first = database.prepare(
    'DELETE FROM Outbox WHERE Sequence IN (SELECT Sequence FROM Outbox INDEXED BY Outbox_Settled WHERE Status = 2 ORDER BY SettledUtc, Sequence LIMIT ?)',
  );
  let deleted = 0;
  for (;;) {
    const { changes } = first.run(rowsAtOnce);
    if (changes === 0) return deleted;
    deleted += Number(changes);
  }
}
