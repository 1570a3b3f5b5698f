/**
 * Measures handlers that write and settle in one transaction of the tenant's database (T1), against a raw loop that does
 * the same on its one connection.
 */
import type { DatabaseSync } from 'node:sqlite';
import { defineHandler } from '../src/index.ts';
import { assertCount, atLeast, type Benchmark } from './benchmark.ts';
import { drainTenant, fill, hasty, makeTenants, openFleet, topic, withCopy } from './fleet.ts';
import { perSecond, sharesOfRaw } from './spread.ts';
import { interleave, timed } from './timing.ts';

const batchSize = 100;
const writes = 'INSERT INTO Effects (MessageId) VALUES (?)';

/** A handler with one write of its own. */
const writing = defineHandler({
  topic,
  async handle({ messageId }, { transaction }) {
    await transaction<void, DatabaseSync>(({ driver }) => {
      driver.prepare(writes).run(messageId);
    });
  },
});

export const transactions: Benchmark = {
  name: 'transactions',
  title: 'handlers with a transaction of their own, as a share of the speed of raw transactions',
  async run({ places, quick, repetitions, progress, measured }) {
    const count = quick ? 100 : 2_000;
    const place = await places.open('transactions');
    progress('filling');
    await makeTenants(place, ['template']);
    {
      await using fleet = openFleet(place, hasty);
      await fill(fleet, 'template', { count });
    }
    const template = await place.rawTenant('template');
    (template.connection as DatabaseSync).exec('CREATE TABLE Effects (MessageId TEXT NOT NULL)');
    await template.close();
    progress('measuring');
    const costs = await interleave(repetitions, {
      ours: () =>
        withCopy(
          place,
          'template',
          { batchSize },
          (fleet, id) =>
            timed(async () => {
              const { done } = await drainTenant(fleet, id);
              assertCount('messages whose handler committed', done, count);
            }),
          [writing],
        ),
      raw: async () => {
        await place.copyTenant('template', 'raw');
        const raw = await place.rawTenant('raw');
        const write = (raw.connection as DatabaseSync).prepare(writes);
        let handled = 0;
        const cost = await timed(async () => {
          handled = await raw.drainInTransactions!(batchSize, ({ messageId }) => write.run(messageId));
        });
        await raw.close();
        await place.removeTenant('raw');
        assertCount('messages of the raw loop', handled, count);
        return cost;
      },
    });
    const measurement = {
      case: `one write, batch ${batchSize}`,
      counts: { messages: count },
      figures: {
        ...sharesOfRaw(costs.ours, costs.raw),
        perSecond: perSecond(count, costs.ours),
        rawPerSecond: perSecond(count, costs.raw),
      },
    };
    measured(measurement);
    await place.remove();
    return {
      measurements: [measurement],
      targets: [
        atLeast('share of the speed of raw transactions', measurement.figures.shareOfRaw.median, 0.6),
      ],
      notes: [],
    };
  },
};
