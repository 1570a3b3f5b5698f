import type { Registry, TenantRecord } from '../../../../src/engine/registry.ts';
import { worstValues } from '../../../../src/fleet/plan/worst-values.ts';

const tenant = (id: string, failureStreak: number) =>
  ({ id, status: 'active', schedule: { failureStreak, queues: {} } }) as unknown as TenantRecord;

/** A registry of this many tenants, whose failures in a row are as many as their numbers. */
function registryOf(count: number, onRead: () => void = () => {}) {
  const ids = Array.from({ length: count }, (_, nth) => String(nth).padStart(6, '0'));
  const asked: string[] = [];
  const registry = {
    async list({ limit, after }: { limit: number; after: string }) {
      asked.push(after);
      onRead();
      return ids
        .filter((id) => id > after)
        .slice(0, limit)
        .map((id) => tenant(id, Number(id)));
    },
  } as unknown as Registry;
  return { registry, asked };
}

test('F6: the worst of all pages are kept', async () => {
  const { registry, asked } = registryOf(2_500);
  const { signal } = new AbortController();
  const { failureStreak } = await worstValues(registry, { limit: 2, signal });
  expect(failureStreak).toEqual([
    { tenantId: '002499', value: 2_499 },
    { tenantId: '002498', value: 2_498 },
  ]);
  expect(asked).toEqual(['', '000999', '001999']);
});

test('F6: the signal ends the reading between two pages, with its reason', async () => {
  const stop = new AbortController();
  const { registry, asked } = registryOf(2_500, () => stop.abort('enough'));
  await expect(worstValues(registry, { limit: 2, signal: stop.signal })).rejects.toBe('enough');
  expect(asked).toHaveLength(1);
});

test('F6: 100,000 tenants are read at most', async () => {
  const page = Array.from({ length: 1_000 }, () => tenant('t', 0));
  const list = jest.fn(async () => page);
  const { signal } = new AbortController();
  await worstValues({ list } as unknown as Registry, { limit: 2, signal });
  expect(list).toHaveBeenCalledTimes(100);
});

describe('the figures of a tenant (F6)', () => {
  const now = Date.UTC(2026, 0, 1);
  beforeEach(() => {
    jest.spyOn(Date, 'now').mockReturnValue(now);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  interface Queue {
    readonly oldestDueAgeMs: number | null;
    readonly asOfUtc: Date;
    readonly dead: number;
  }
  const queue = (oldestDueAgeMs: number | null, asOf: number, dead = 0): Queue => ({
    oldestDueAgeMs,
    asOfUtc: new Date(asOf),
    dead,
  });
  const read = (tenants: readonly { id: string; status?: string; queues: Record<string, Queue> }[]) => {
    const list = async () =>
      tenants.map(({ id, status = 'active', queues }) => ({
        id,
        status,
        schedule: { failureStreak: 0, queues },
      }));
    const { signal } = new AbortController();
    return worstValues({ list } as unknown as Registry, { limit: 10, signal });
  };

  test('F6: the oldest message of a queue ages on since the report; the clock of this host may be behind', async () => {
    const { oldestMessageAgeMs } = await read([
      { id: 'a', queues: { outbox: queue(1_000, now - 5_000), inbox: queue(2_000, now - 3_000) } },
      { id: 'b', queues: { outbox: queue(1_000, now + 5_000) } },
      { id: 'c', queues: { outbox: queue(null, now - 5_000), inbox: queue(2_000, now) } },
      { id: 'd', queues: { outbox: queue(null, now - 5_000) } },
    ]);
    expect(oldestMessageAgeMs).toEqual([
      { tenantId: 'a', value: 6_000 },
      { tenantId: 'c', value: 2_000 },
      { tenantId: 'b', value: 1_000 },
    ]);
  });

  test('F6: a retired tenant does not count', async () => {
    const queues = { outbox: queue(1_000, now, 1) };
    const worst = await read(
      ['active', 'retired', 'paused'].map((status) => ({ id: status, status, queues })),
    );
    expect(worst.dead.map(({ tenantId }) => tenantId)).toEqual(['active', 'paused']);
  });
});
