/** F4, F7: wakes share the slots of a host with the tenants that plans choose. */
import { defineHandler } from '../../src/index.ts';
import { FleetPlace } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();

test.each(['round-robin', 'drain-first', 'priority', 'deadline', 'weighted'] as const)(
  'F4, F7: a flood of wakes does not starve a tenant that only plans choose, by the strategy %s',
  async (strategy) => {
    const seen: string[] = [];
    /** Each message of a flooding tenant stores the next, while its run is in flight, and one for the other. */
    const handler = defineHandler({
      topic: 'orders',
      async handle(_, { tenant }) {
        seen.push(tenant.id);
        if (tenant.id === 'quiet' || isOver) return;
        for (const id of ['flood-1', 'flood-2']) await enqueue(id);
      },
    });
    let isOver = false;
    const face = await place.fleet([], {
      handlers: [handler],
      plan: { strategy, intervalMs: 50 },
      dispatch: { parallelRuns: 1, batchSize: 1, timeBudgetMs: 50 },
      schedule: { idleFloorMs: 50, idleCeilingMs: 100 },
    });
    for (const id of ['flood-1', 'flood-2'])
      await face.tenants.add({ id, priority: 9, weight: 9, slaSeconds: 1 });
    await face.tenants.add({ id: 'quiet' });
    await face.migrate();
    const enqueue = (id: string, wake = true) =>
      face.outbox(id).enqueue({ topic: 'orders', payload: 1 }, { wake });
    const stop = new AbortController();
    const running = face.run({ signal: stop.signal });
    await enqueue('flood-1');
    await until('the flood is on', () => seen.length > 5);
    for (let message = 1; message <= 3; message++) {
      await enqueue('quiet', false);
      await until('the quiet tenant is served', () => seen.filter((id) => id === 'quiet').length === message);
    }
    const before = seen.length;
    await until('the flood goes on', () => seen.length > before + 5);
    isOver = true;
    stop.abort();
    await running;
  },
);
