import { bucketCount, emptyHistogram } from '../../../src/engine/histogram.ts';
import type { FleetMinute, TenantHour } from '../../../src/engine/history.ts';
import type { Registry } from '../../../src/engine/registry.ts';
import { readHistory } from '../../../src/fleet/operations/history.ts';
import { noCounts } from '../../../src/queue/tally.ts';

const hour = 3_600_000;

function minute(at: string, fields: Partial<FleetMinute> = {}): FleetMinute {
  return {
    utc: new Date(`2026-01-31T${at}Z`),
    state: null,
    runs: 1,
    failedRuns: 0,
    counts: { ...noCounts, done: 2 },
    wait: emptyHistogram,
    handle: emptyHistogram,
    ...fields,
  };
}

const state = {
  active: 3,
  due: 1,
  withBacklog: 0,
  failing: 2,
  withFailingTopics: 0,
  withDead: 0,
  dead: 0,
  oldestDueMs: null,
};

function registryWith(minutes: readonly FleetMinute[], hours: readonly TenantHour[] = []) {
  const asked: unknown[] = [];
  const registry = {
    async fleetHistory(sinceMs: number) {
      asked.push(sinceMs);
      return minutes;
    },
    async tenantHistory(tenantId: string, sinceMs: number) {
      asked.push([tenantId, sinceMs]);
      return hours;
    },
  } as unknown as Registry;
  return { registry, asked };
}

describe('the history for people and programs (S5)', () => {
  test('the points of a step add up; its state is the worst of it', async () => {
    const buckets = [...emptyHistogram.buckets];
    buckets[2] = 4;
    const { registry } = registryWith([
      minute('10:00:00', { state }),
      minute('10:04:00', { state: { ...state, due: 7, failing: 0, oldestDueMs: 5 }, failedRuns: 1 }),
      minute('10:05:00', { wait: { buckets, maxMs: null } }),
    ]);
    const { points, ...range } = await readHistory(registry, { step: '5m' });
    expect(range).toEqual({ tenant: null, sinceMs: hour, stepMs: 300_000 });
    expect(points).toMatchObject([
      {
        utc: new Date('2026-01-31T10:00:00Z'),
        runs: 2,
        failedRuns: 1,
        counts: { done: 4 },
        wait: { count: 0, p50Ms: null },
        state: { ...state, due: 7, failing: 2, oldestDueMs: 5 },
      },
      {
        utc: new Date('2026-01-31T10:05:00Z'),
        runs: 1,
        wait: { count: 4, p50Ms: 7.5, p99Ms: 10, maxMs: null, buckets },
        state: null,
      },
    ]);
    expect(points[0]!.wait.buckets).toHaveLength(bucketCount);
  });

  test('a value that no minute of a step has is unknown, not 0', async () => {
    const { registry } = registryWith([minute('10:00:00', { state }), minute('10:04:00', { state })]);
    const { points } = await readHistory(registry, { step: '5m' });
    expect(points).toMatchObject([{ state: { oldestDueMs: null } }]);
  });

  test('it survives JSON, but for the form of its times', async () => {
    const { registry } = registryWith([minute('10:00:00', { state })]);
    const history = await readHistory(registry, {});
    const [point] = history.points;
    expect(JSON.parse(JSON.stringify(history))).toEqual({
      ...history,
      points: [{ ...point, utc: '2026-01-31T10:00:00.000Z' }],
    });
  });

  test('a tenant is read by hours, whose points have no state; no more is asked for than is kept', async () => {
    const { state: _, ...tenantHour } = minute('10:00:00');
    const { registry, asked } = registryWith([], [tenantHour]);
    const { points, stepMs } = await readHistory(registry, { tenant: 'acme', step: 1 });
    expect(points[0]).not.toHaveProperty('state');
    expect(stepMs).toBe(hour);
    await readHistory(registry, { tenant: 'acme', since: '60d' });
    await readHistory(registry, { since: '60d' });
    expect(asked).toEqual([['acme', 24 * hour], ['acme', 14 * 24 * hour], 7 * 24 * hour]);
  });

  test.each([
    ['since', { since: 'yesterday' }],
    ['since', { since: 0 }],
    ['step', { step: '-5m' }],
  ] as const)('%s must be a duration above 0', async (name, options) => {
    await expect(readHistory(registryWith([]).registry, options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`history: ${name} is`),
    });
  });
});
