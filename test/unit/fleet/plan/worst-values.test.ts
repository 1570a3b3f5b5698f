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
