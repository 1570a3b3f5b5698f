/** Measures the cost of enqueueing against plain inserts into the same table in the same pattern of transactions. */
import { randomUUID } from 'node:crypto';
import type { MultiOutbox, OutboxMessage } from '../src/index.ts';
import { assertCount, type Benchmark, type Measurement } from './benchmark.ts';
import { makeTenants, topic, withCopy } from './fleet.ts';
import type { RawTenant } from './place.ts';
import { perSecond, sharesOfRaw } from './spread.ts';
import { interleave, timed } from './timing.ts';

const payload = JSON.stringify({ text: 'x'.repeat(30) });
const message: OutboxMessage = { topic, payload };

interface Pattern {
  readonly name: string;
  readonly messages: number;
  readonly quickMessages: number;
  /** How many messages each call stores. */
  readonly atOnce: number;
  ours(use: { fleet: MultiOutbox; tenantId: string; caller: RawTenant }, count: number): Promise<void>;
  raw(raw: RawTenant, count: number): Promise<void>;
}

/** The cost of enqueueing `count` messages, after `cold` messages that do not count. */
async function timedAfter(cold: number, count: number, enqueueSome: (count: number) => Promise<void>) {
  if (cold > 0) await enqueueSome(cold);
  return timed(() => enqueueSome(count));
}

const patterns: readonly Pattern[] = [
  {
    name: 'one at a time',
    messages: 1_000,
    quickMessages: 20,
    atOnce: 1,
    async ours({ fleet, tenantId }, count) {
      const outbox = fleet.outbox(tenantId);
      for (let i = 0; i < count; i++) await outbox.enqueue(message, { wake: false });
    },
    async raw(raw, count) {
      for (let i = 0; i < count; i++) await raw.insert([rawMessage()]);
    },
  },
  {
    name: 'one at a time, each with its wake',
    messages: 1_000,
    quickMessages: 20,
    atOnce: 1,
    async ours({ fleet, tenantId }, count) {
      const outbox = fleet.outbox(tenantId);
      for (let i = 0; i < count; i++) await outbox.enqueue(message);
    },
    async raw(raw, count) {
      for (let i = 0; i < count; i++) await raw.insert([rawMessage()]);
    },
  },
  {
    name: "one at a time, in the caller's transaction",
    messages: 1_000,
    quickMessages: 20,
    atOnce: 1,
    async ours({ fleet, tenantId, caller }, count) {
      const outbox = fleet.outbox(tenantId);
      for (let i = 0; i < count; i++) {
        await caller.begin();
        await outbox.enqueue(message, { transaction: caller.connection });
        await caller.commit();
      }
    },
    async raw(raw, count) {
      for (let i = 0; i < count; i++) {
        await raw.begin();
        await raw.insert([rawMessage()]);
        await raw.commit();
      }
    },
  },
  {
    name: '1,000 at a time',
    messages: 50_000,
    quickMessages: 2_000,
    atOnce: 1_000,
    async ours({ fleet, tenantId }, count) {
      const outbox = fleet.outbox(tenantId);
      for (let i = 0; i < count; i += 1_000) {
        await outbox.enqueue(Array<OutboxMessage>(1_000).fill(message), { wake: false });
      }
    },
    async raw(raw, count) {
      for (let i = 0; i < count; i += 1_000) {
        await raw.insert(Array.from({ length: 1_000 }, rawMessage));
      }
    },
  },
];

function rawMessage() {
  return { messageId: randomUUID(), topic, payload };
}

export const enqueue: Benchmark = {
  name: 'enqueue',
  title: 'enqueueing, as a share of the speed of raw inserts in the same transactions',
  async run({ places, quick, repetitions, progress, measured }) {
    const place = await places.open('enqueue');
    await makeTenants(place, ['empty']);
    const measurements: Measurement[] = [];
    for (const { name, messages, quickMessages, atOnce, ours, raw } of patterns) {
      progress(name);
      const count = quick ? quickMessages : messages * places.scale;
      const cold = places.coldCalls * atOnce;
      const costs = await interleave(repetitions, {
        ours: () =>
          withCopy(place, 'empty', {}, async (fleet, tenantId) => {
            const caller = await place.rawTenant(tenantId);
            const use = { fleet, tenantId, caller };
            const cost = await timedAfter(cold, count, (some) => ours(use, some));
            await caller.close();
            assertCount('messages enqueued', (await fleet.outbox(tenantId).statistics()).ready, cold + count);
            return cost;
          }),
        raw: () =>
          withCopy(place, 'empty', {}, async (fleet, tenantId) => {
            const tenant = await place.rawTenant(tenantId);
            const cost = await timedAfter(cold, count, (some) => raw(tenant, some));
            await tenant.close();
            assertCount('rows inserted', (await fleet.outbox(tenantId).statistics()).ready, cold + count);
            return cost;
          }),
      });
      const measurement = {
        case: name,
        counts: { messages: count },
        figures: {
          ...sharesOfRaw(costs.ours, costs.raw),
          perSecond: perSecond(count, costs.ours),
          rawPerSecond: perSecond(count, costs.raw),
        },
      };
      measurements.push(measurement);
      measured(measurement);
    }
    await place.remove();
    return {
      measurements,
      targets: [],
      notes: [
        'A wake is a transaction of its own in the registry, a second database. The raw loop has no wakes.',
      ],
    };
  },
};
