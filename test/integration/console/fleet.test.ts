/** S4: what the console says of the fleet: its plans, its history, what began to fail. */
import { defineHandler } from '../../../src/queue/handler.ts';
import { ConsoleClient } from '../../support/console-requests.ts';
import { FleetPlace, noting } from '../../support/fleet-place.ts';

const place = new FleetPlace();

test('S4: the plans say who is next and why, what decides about plans, and when one is late', async () => {
  const face = await place.fleet(['acme', 'globex', 'initech'], { handlers: noting().handlers });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: '1' });
  await face.tick();
  await face.tenants.pause('globex');
  await face.tenants.add({ id: 'zorg' });
  const settings = { plan: { intervalMs: '2m', capacity: 7 } };
  const { json, headers } = await new ConsoleClient(face, { settings }).get('/api/plans');
  expect(json.next.map(({ row, why }: { row: { id: string }; why: string }) => [row.id, why])).toEqual(
    expect.arrayContaining([
      ['acme', 'a look after its last run'],
      ['initech', 'a look, after 1 idle in a row'],
      ['zorg', 'it has never run'],
    ]),
  );
  expect(json.next).toHaveLength(3);
  expect(json).toMatchObject({ lastPlan: { due: 3, chosen: 3 }, planLateMs: 360_000, onWake: 0 });
  expect(Date.parse(json.lastPlan.utc)).toBeLessThanOrEqual(Date.parse(headers.get('console-as-of')!));
  const named = json.settings.map(({ option, value, source }: Record<string, unknown>) => [
    option,
    value,
    source,
  ]);
  expect(named).toEqual(
    expect.arrayContaining([
      ['plan.intervalMs', 120_000, 'option'],
      ['plan.capacity', 7, 'option'],
      ['plan.strategy', 'round-robin', 'default'],
    ]),
  );
});

test.each([
  ['1s', 180_000],
  ['60s', 180_000],
  ['1h', 10_800_000],
])('S4: with an interval of %s, a plan is late after %i ms', async (intervalMs, planLateMs) => {
  const client = new ConsoleClient(await place.fleet([]), { settings: { plan: { intervalMs } } });
  expect((await client.get('/api/pulse')).json.planLateMs).toBe(planLateMs);
});

test('S4: the history has every step of its span, with what was done, what failed and how long it took', async () => {
  const failing = defineHandler({
    topic: 'emails',
    retry: { maxAttempts: 20, baseMs: 600_000, maxDelayMs: 3_600_000 },
    handle() {
      throw new Error('connect ECONNREFUSED');
    },
  });
  const face = await place.fleet(['acme'], { handlers: [...noting().handlers, failing] });
  const enqueue = (topic: string, many: number) =>
    face.outbox('acme').enqueue(Array.from({ length: many }, () => ({ topic, payload: '1' })));
  await enqueue('orders', 5);
  await enqueue('emails', 2);
  await face.tick();
  const client = new ConsoleClient(face);
  for (const [span, steps, stepMs] of [
    ['1h', 60, 60_000],
    ['6h', 72, 300_000],
    ['24h', 96, 900_000],
    ['7d', 84, 7_200_000],
  ] as const) {
    const { json } = await client.get(`/api/pulse/history?span=${span}`);
    expect([span, json.stepMs, json.points.length]).toEqual([span, stepMs, steps]);
    const times = json.points.map(({ utc }: { utc: string }) => Date.parse(utc));
    expect(times.every((at: number, index: number) => index === 0 || at - times[index - 1] === stepMs)).toBe(
      true,
    );
    const sum = (name: string) =>
      json.points.reduce((total: number, point: Record<string, number>) => total + point[name]!, 0);
    expect([span, sum('done'), sum('failed')]).toEqual([span, 5, 2]);
    const busy = json.points.filter(({ done }: { done: number }) => done > 0);
    expect(busy).toEqual([
      expect.objectContaining({
        planned: true,
        wait: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
      }),
    ]);
    expect(busy[0].handle.p50).toBeLessThanOrEqual(busy[0].handle.p99);
  }
  // What began to fail is known from the reports of runs; no database of a tenant is asked.
  expect((await client.get('/api/pulse/worst')).json.newTopics).toMatchObject([
    { topic: 'emails', queue: 'outbox', tenants: 1, tenantIds: ['acme'] },
  ]);
});
