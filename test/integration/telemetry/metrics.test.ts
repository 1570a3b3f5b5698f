/** Metrics as a real SDK collects them, in memory. */
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { defineHandler, PermanentError, RetryAfter, Snooze } from '../../../src/queue/handler.ts';
import { recordDueAges, setTenantLabels } from '../../../src/telemetry/metrics.ts';
import { FleetPlace } from '../../support/fleet-place.ts';

const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });
beforeAll(() => metrics.setGlobalMeterProvider(provider));
beforeEach(async () => {
  await reader.forceFlush();
  exporter.reset();
});
afterAll(() => provider.shutdown());

const place = new FleetPlace();

/** The data recorded since the test began, by metric: attributes and value, histograms as their sum. */
async function recorded(): Promise<Record<string, [attributes: object, value: number][]>> {
  await reader.forceFlush();
  const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
  return Object.fromEntries(
    all.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ attributes, value }) => [
        attributes,
        typeof value === 'number' ? value : (value.sum ?? 0),
      ]),
    ]),
  );
}

const ended: Record<string, () => void> = {
  done() {},
  retried() {
    throw new RetryAfter(60_000, 'not now');
  },
  dead() {
    throw new PermanentError('never');
  },
  released() {
    throw new Snooze(60_000);
  },
};
const handlers = Object.entries(ended).map(([topic, handle]) => defineHandler({ topic, handle }));

test('D7: runs, messages by outcome, calls and leases; plans and their requests; wake-ups', async () => {
  const face = await place.fleet(['acme'], { handlers });
  await face
    .outbox('acme')
    .enqueue([...Object.keys(ended), 'unknown'].map((topic) => ({ topic, payload: 'x' })));
  await face.tick();
  const all = await recorded();
  const run = { 'tenant.id': 'acme', outcome: 'dispatched' };
  expect(all['multi_outbox.runs']).toEqual([[run, 1]]);
  expect(all['multi_outbox.run.duration']).toEqual([[run, expect.any(Number)]]);
  expect(all['multi_outbox.round_trips']).toEqual([[run, 2]]);
  const queue = { 'tenant.id': 'acme', queue: 'outbox' };
  expect(all['multi_outbox.message.wait']).toEqual([[queue, expect.any(Number)]]);
  expect(all['multi_outbox.message.handle']!.map(([attributes]) => attributes)).toEqual(
    Object.keys(ended).map((topic) => ({ queue: 'outbox', topic })),
  );
  expect(all['multi_outbox.messages']).toEqual(
    ['done', 'retried', 'dead', 'released', 'parked'].map((result) => [{ 'tenant.id': 'acme', result }, 1]),
  );
  const acquired = { 'tenant.id': 'acme', queue: 'outbox', result: 'acquired' };
  expect(all['multi_outbox.leases']).toEqual([[acquired, 1]]);
  expect(all['multi_outbox.plans']).toEqual([[{ status: 'planned', late: false }, 1]]);
  expect(all['multi_outbox.requests']).toEqual([[{}, 1]]);
  expect(all['multi_outbox.wakes']).toEqual([[{ 'tenant.id': 'acme' }, 1]]);
  expect(all['multi_outbox.backlog']).toBeUndefined();
});

test('D7: a run that leaves messages that were due counts as backlog, by tenant', async () => {
  const slow = defineHandler({
    topic: 'slow',
    handle: () => new Promise((resolve) => setTimeout(resolve, 5)),
  });
  const dispatch = { batchSize: 1, timeBudgetMs: 1 };
  const face = await place.fleet(['acme'], { handlers: [slow], dispatch });
  await face.outbox('acme').enqueue(['1', '2', '3'].map((payload) => ({ topic: 'slow', payload })));
  expect(await face.dispatch({ tenantId: 'acme' })).toMatchObject({ more: true });
  expect((await recorded())['multi_outbox.backlog']).toEqual([[{ 'tenant.id': 'acme' }, 1]]);
});

test('D1: a run whose lease another host holds, and a request for a tenant that is paused', async () => {
  let release = () => {};
  const handler = defineHandler({
    topic: 'orders',
    handle: () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  });
  const face = await place.fleet(['acme'], { handlers: [handler] });
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
  const first = face.dispatch({ tenantId: 'acme' });
  await face.dispatch({ tenantId: 'acme' });
  release();
  await first;
  await face.tenants.pause('acme');
  await face.dispatch({ tenantId: 'acme' });
  const all = await recorded();
  const skipped = { 'tenant.id': 'acme', outcome: 'skipped' };
  expect(all['multi_outbox.runs']).toEqual(
    expect.arrayContaining([
      [{ ...skipped, skipped: 'leased-elsewhere' }, 1],
      [{ ...skipped, skipped: 'not-active' }, 1],
    ]),
  );
  expect(all['multi_outbox.leases']).toContainEqual([
    { 'tenant.id': 'acme', queue: 'outbox', result: 'leased-elsewhere' },
    1,
  ]);
});

test('the age of due tenants at each plan', async () => {
  const face = await place.fleet(['acme', 'birch'], { handlers, plan: { capacity: 1 } });
  await face.plan();
  await face.plan();
  expect(await face.plan()).toMatchObject({ status: 'idle', oldestDueMs: 0 });
  // Tenants that have not waited for long share one series; an idle plan records nothing.
  expect((await recorded())['multi_outbox.due_age']).toEqual([[{}, expect.any(Number)]]);
});

test('F6: the fleet’s state comes from the registry before the plan, and covers tenants beyond the limit of labels', async () => {
  const ids = ['acme', 'birch', 'cedar', 'dogwood'];
  const first = await place.fleet(ids, { handlers, telemetry: { metricTenants: 1 } });
  // What another host of this fleet does is in the registry. It has the same metrics here, so they are dropped.
  await first.tenants.pause('cedar');
  await first.outbox('acme').enqueue({ topic: 'dead', payload: 'x' });
  await first.dispatch({ tenantId: 'acme' });
  for (let nth = 0; nth < 2; nth++) await first.poisoned({ tenantId: 'dogwood' }, 'dispatch');
  await first.poisoned('no tenant', 'dispatch');
  await reader.forceFlush();
  exporter.reset();
  await first.plan();
  await first.plan();
  const all = await recorded();
  const by = (metric: string) =>
    Object.fromEntries(
      all[`multi_outbox.${metric}`]!.map(([attributes, value]) => [Object.values(attributes)[0], value]),
    );
  // They are read once a minute, so they still show the state before the first plan.
  expect(by('tenants')).toEqual({
    active: 3,
    paused: 1,
    retired: 0,
    due: 3,
    backlog: 0,
    failing: 1,
    'failing-topics': 1,
    dead: 1,
  });
  expect(all['multi_outbox.fleet.dead']).toEqual([[{}, 1]]);
  expect(by('fleet.failing')).toEqual({ '1': 0, '2-4': 1, '5-9': 0, '10+': 0 });
  expect(all['multi_outbox.fleet.longest_streak']).toEqual([[{}, 2]]);
  expect(all['multi_outbox.fleet.oldest_due_age']).toEqual([[{}, expect.any(Number)]]);
  expect(all['multi_outbox.fleet.oldest_due_age']![0]![1]).toBeGreaterThanOrEqual(0);
  expect(by('fleet.messages')).toMatchObject({ done: 0, dead: 1, lost: 0 });
  expect(all['multi_outbox.fleet.poisoned']).toEqual([[{}, 1]]);
  expect(all['multi_outbox.fleet.last_plan_age']).toBeUndefined();
});

test('F6: a host that reads the fleet’s state no more exports no old figures of it', async () => {
  const face = await place.fleet(['acme'], { handlers });
  await face.plan();
  expect((await recorded())['multi_outbox.fleet.dead']).toEqual([[{}, 0]]);
  exporter.reset();
  const now = performance.now();
  jest.spyOn(performance, 'now').mockReturnValue(now + 90_001);
  try {
    expect((await recorded())['multi_outbox.fleet.dead']).toBeUndefined();
  } finally {
    jest.restoreAllMocks();
  }
});

test('tenants beyond the limit of labels share one label', async () => {
  const ids = ['t1', 't2', 't3', 't4'];
  const former = ['acme', 'birch'];
  const face = await place.fleet([...former, ...ids], { handlers, telemetry: { metricTenants: 5 } });
  // These two use up a label each, here or in the tests before.
  for (const tenantId of former) {
    await face.dispatch({ tenantId });
    await face.tenants.pause(tenantId);
  }
  await reader.forceFlush();
  exporter.reset();
  for (const tenantId of ids) await face.dispatch({ tenantId });
  await face.wake(ids);
  const all = await recorded();
  for (const metric of ['runs', 'wakes', 'leases']) {
    const found = all[`multi_outbox.${metric}`]!.map(([attributes, value]) => [
      (attributes as { 'tenant.id': string })['tenant.id'],
      value,
    ]);
    expect(found.sort()).toEqual([
      ['other', 1],
      ['t1', 1],
      ['t2', 1],
      ['t3', 1],
    ]);
  }
});

test('D7: idle runs of tenants that did not fail share their series; one that may have ended a streak has its tenant', async () => {
  const face = await place.fleet(['acme', 'birch', 'cedar'], { handlers });
  const request = { version: 1, reason: 'due', plannedUtc: new Date().toISOString(), idleStreak: 0 } as const;
  for (const tenantId of ['acme', 'birch']) await face.dispatch({ ...request, tenantId, failureStreak: 0 });
  await face.dispatch({ ...request, tenantId: 'cedar', failureStreak: 2 });
  const all = await recorded();
  const [shared, own] = [{ outcome: 'idle' }, { 'tenant.id': 'cedar', outcome: 'idle' }];
  expect(all['multi_outbox.runs']).toEqual([
    [shared, 2],
    [own, 1],
  ]);
  expect(all['multi_outbox.round_trips']).toEqual([
    [shared, 2],
    [own, 1],
  ]);
  expect(all['multi_outbox.run.duration']!.map(([attributes]) => attributes)).toEqual([shared, own]);
  const acquired = { queue: 'outbox', result: 'acquired' };
  expect(all['multi_outbox.leases']).toEqual([
    [acquired, 2],
    [{ 'tenant.id': 'cedar', ...acquired }, 1],
  ]);
});

test('a due tenant that has waited for more than a minute is recorded with its id', async () => {
  setTenantLabels(1_000);
  recordDueAges([
    { tenant: { id: 'acme' }, overdueMs: 60_000 },
    { tenant: { id: 'birch' }, overdueMs: 60_001 },
  ]);
  expect((await recorded())['multi_outbox.due_age']).toEqual([
    [{}, 60_000],
    [{ 'tenant.id': 'birch' }, 60_001],
  ]);
});
