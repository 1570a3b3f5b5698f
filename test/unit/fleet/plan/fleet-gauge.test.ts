import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { FleetGauge } from '../../../../src/fleet/plan/fleet-gauge.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { queueState } from '../../../support/queue-state.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const provider = new MeterProvider();

beforeEach(() => {
  // Fakes only the clock that the gauge reads; the database works in real time.
  jest.useFakeTimers({
    doNotFake: ['setImmediate', 'setTimeout', 'setInterval', 'nextTick', 'queueMicrotask'],
  });
});
afterEach(async () => {
  jest.useRealTimers();
  metrics.disable();
});

async function scene() {
  const registry = await place.registry();
  const counted = jest.spyOn(registry, 'fleet');
  const logger = recordingLogger();
  const host = (owner: string) => {
    const gauge = new FleetGauge(owner, logger);
    return async () => {
      await gauge.recordIfDue(registry);
      return counted.mock.calls.length;
    };
  };
  return { registry, host, record: host('host-1'), logger };
}

test('F6: while metrics are exported the tenants are counted once a minute', async () => {
  const { record } = await scene();
  expect(await record()).toBe(0);
  metrics.setGlobalMeterProvider(provider);
  expect(await record()).toBe(1);
  jest.advanceTimersByTime(59_999);
  expect(await record()).toBe(1);
  jest.advanceTimersByTime(1);
  expect(await record()).toBe(2);
});

test('F6: one of several hosts counts the tenants, and another one after its lease has ended', async () => {
  metrics.setGlobalMeterProvider(provider);
  const { registry, host, record } = await scene();
  const another = host('host-2');
  expect([await record(), await another()]).toEqual([1, 1]);
  jest.advanceTimersByTime(60_000);
  expect([await another(), await record()]).toEqual([1, 2]);
  const { fence, acquisitionId } = (await registry.leases.list()).find(({ name }) => name === 'fleet-gauge')!;
  await registry.leases.release({
    name: 'fleet-gauge',
    owner: 'host-1',
    fence,
    acquisitionId: acquisitionId!,
  });
  jest.advanceTimersByTime(60_000);
  expect([await another(), await record()]).toEqual([3, 3]);
});

test('D8: a registry that does not answer is logged, and asked again a minute later', async () => {
  metrics.setGlobalMeterProvider(provider);
  const { registry, record, logger } = await scene();
  await registry.close();
  expect(await record()).toBe(0);
  expect(await record()).toBe(0);
  expect(logger.lines).toMatchObject([{ level: 'warn', fields: { error: { code: 'CLOSED' } } }]);
});

test('F6: of the tenants the worst are shown, by gauge, until this host no longer has the lease', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const measured = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(measured);
  const shown = async () => {
    exporter.reset();
    await reader.forceFlush();
    const all = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    const ofTenants = all.filter(({ descriptor }) => descriptor.name.startsWith('multi_outbox.tenant.'));
    return Object.fromEntries(
      ofTenants.map(({ descriptor, dataPoints }) => [
        descriptor.name.slice('multi_outbox.tenant.'.length),
        dataPoints.map(({ attributes, value }) => [attributes['tenant.id'], value]),
      ]),
    );
  };
  const { registry, logger } = await scene();
  const hours = 3_600_000;
  const reported = async (
    tenantId: string,
    dead: number,
    failureStreak: number,
    oldestDueAgeMs: number | null,
  ) =>
    registry.report({
      tenantId,
      outcome: failureStreak > 0 ? 'failed' : 'idle',
      counts: noCounts,
      durationMs: 1,
      backlog: false,
      queues: { outbox: queueState({ dead, oldestDueAgeMs }), inbox: queueState({ dead }) },
      schedule: { mode: 'set', nextDueInMs: hours, idleStreak: 0, failureStreak },
    });
  const tenants = { a: [0, 0, null], b: [1, 3, 2 * hours], c: [5, 1, hours], d: [2, 2, 3 * hours] } as const;
  for (const [id, [dead, streak, ageMs]] of Object.entries(tenants)) {
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    await reported(id, dead, streak, ageMs);
  }
  await registry.setStatus('b', 'paused');
  const gauge = new FleetGauge('host-1', logger);
  const { signal } = new AbortController();
  expect(await gauge.recordIfDue(registry)).toBe(true);
  await gauge.showTenants(registry, { limit: 2, signal });
  const { oldest_message_age: ages, ...counts } = await shown();
  // A paused tenant has no runs, and keeps its messages.
  expect(counts).toEqual({
    dead: [
      ['c', 10],
      ['d', 4],
    ],
    failing: [
      ['d', 2],
      ['c', 1],
    ],
  });
  expect(ages!.map(([id]) => id)).toEqual(['d', 'b']);
  expect(ages![0]![1]).toBeGreaterThanOrEqual(3 * hours);
  await reported('c', 0, 0, null);
  await gauge.showTenants(registry, { limit: 2, signal });
  expect(await shown()).toMatchObject({
    dead: [
      ['d', 4],
      ['b', 2],
    ],
    failing: [['d', 2]],
  });
  jest.advanceTimersByTime(90_001);
  expect(Object.values(await shown()).flat()).toEqual([]);
  await gauge.showTenants(registry, { limit: 2, signal });
  expect(Object.values(await shown()).flat()).not.toEqual([]);
  gauge.close();
  expect(Object.values(await shown()).flat()).toEqual([]);
  await measured.shutdown();
});

test('F6: it says whether it has recorded the state: tenants are shown by the host that has', async () => {
  const { registry, logger } = await scene();
  const [one, other, third] = ['host-1', 'host-2', 'host-3'].map((owner) => new FleetGauge(owner, logger));
  expect(await one!.recordIfDue(registry)).toBe(false);
  metrics.setGlobalMeterProvider(provider);
  expect(await one!.recordIfDue(registry)).toBe(true);
  expect(await one!.recordIfDue(registry)).toBe(false);
  expect(await other!.recordIfDue(registry)).toBe(false);
  await registry.close();
  expect(await third!.recordIfDue(registry)).toBe(false);
});

test('D8: tenants that cannot be read are logged, but not when the process is being stopped', async () => {
  const { registry, logger } = await scene();
  const gauge = new FleetGauge('host-1', logger);
  await registry.close();
  await gauge.showTenants(registry, { limit: 1, signal: AbortSignal.abort() });
  expect(logger.lines).toEqual([]);
  await gauge.showTenants(registry, { limit: 1, signal: new AbortController().signal });
  expect(logger.lines).toMatchObject([{ level: 'warn', fields: { error: { code: 'CLOSED' } } }]);
});

test('F6: no tenant is read when none is to be shown', async () => {
  const { registry, logger } = await scene();
  const list = jest.spyOn(registry, 'list');
  const { signal } = new AbortController();
  await new FleetGauge('host-1', logger).showTenants(registry, { limit: 0, signal });
  expect(list).not.toHaveBeenCalled();
  await new FleetGauge('host-1', logger).showTenants(registry, { limit: 1, signal });
  expect(list).toHaveBeenCalledTimes(1);
});
