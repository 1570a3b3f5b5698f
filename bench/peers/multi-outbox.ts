/** This project, as its peers are driven. */
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, defineHandler } from '../../src/index.ts';
import { type Calls, countCalls } from '../counting.ts';
import { fill, makeTenants, openFleet } from '../fleet.ts';
import { type OpenPeer, payload, topic } from './peer.ts';

export const multiOutbox: OpenPeer = async ({ folder, counting }) => {
  const registry = `sqlite:${folder}/registry.db`;
  const place = { registry, newTenant: async (id: string) => ({ id }) };
  const counts = counting ? await counted(registry) : undefined;
  return {
    prepare: (names) => makeTenants(place, names),
    async remove() {},
    async fill(name, count) {
      await using fleet = openFleet(place);
      await fill(fleet, name, { count });
    },
    async unsettled(name) {
      const database = new DatabaseSync(`${folder}/tenants/${name}.db`, { readOnly: true });
      const row = database.prepare('SELECT count(*) AS count FROM Outbox WHERE Status IN (0, 1)').get();
      database.close();
      return Number(row!.count);
    },
    async host(_names, handle, limits) {
      const fleet = createMultiOutbox({
        registry,
        handlers: [defineHandler({ topic, handle })],
        ...(limits && { dispatch: { batchSize: limits.batch, concurrency: limits.concurrency } }),
      });
      const stop = new AbortController();
      const running = fleet.run({ signal: stop.signal });
      return {
        send: async (name) => void (await fleet.outbox(name).enqueue({ topic, payload })),
        async stop() {
          stop.abort();
          await running;
          await fleet.close();
        },
      };
    },
    calls: () =>
      counts === undefined
        ? 0
        : counts.toRegistry + [...counts.byTenant.values()].reduce((all, one) => all + one, 0),
  };
};

/** Counts calls as long as the process lives. */
function counted(registry: string): Promise<Calls> {
  return new Promise((resolve, reject) => {
    countCalls(registry, (calls) => {
      resolve(calls);
      return new Promise(() => {});
    }).catch(reject);
  });
}
