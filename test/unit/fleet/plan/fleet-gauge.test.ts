import { metrics } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { FleetGauge } from '../../../../src/fleet/plan/fleet-gauge.ts';
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
