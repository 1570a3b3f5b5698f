import type { Registry, TenantRecord } from '../../../../src/engine/registry.ts';
import { createSqliteEngine } from '../../../../src/engine/sqlite/index.ts';
import type { TenantReport } from '../../../../src/engine/tenant-report.ts';
import { worstTenants } from '../../../../src/fleet/operations/worst-tenants.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { parkedOutbox, queueState } from '../../../support/queue-state.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';
import { until } from '../../../support/until.ts';

const place = new SqlitePlace();

const failure = {
  queue: 'outbox',
  topic: 'orders',
  source: null,
  failures: 1,
  sinceMs: 0,
  lastMs: 0,
  isNew: false,
  messageId: '',
  error: 'Error',
} as const;

type Trouble = Partial<Pick<TenantReport, 'backlog' | 'queues' | 'failing'>> & {
  failureStreak?: number;
  nextDueInMs?: number | null;
};

async function registryOf(tenants: Readonly<Record<string, Trouble>>) {
  const registry = await place.registry();
  for (const [id, trouble] of Object.entries(tenants)) {
    const { backlog = false, queues, failing, failureStreak = 0, nextDueInMs = 60_000 } = trouble;
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    await registry.report({
      tenantId: id,
      outcome: 'idle',
      counts: noCounts,
      durationMs: 1,
      backlog,
      ...(queues && { queues }),
      ...(failing && { failing }),
      schedule: { mode: 'set', nextDueInMs, idleStreak: 0, failureStreak },
    });
  }
  return registry;
}

describe('the worst tenants (F6)', () => {
  test('failing ones first, longest streak first, then those with other problems, and no healthy ones', async () => {
    const registry = await registryOf({
      a: {},
      b: { failureStreak: 1 },
      c: { failureStreak: 7 },
      d: { backlog: true, nextDueInMs: 1_000 },
      e: { queues: parkedOutbox('x'), nextDueInMs: 2_000 },
      f: { queues: { inbox: queueState({ dead: 1 }) }, nextDueInMs: 3_000 },
      g: { failing: [failure], nextDueInMs: 4_000 },
    });
    const { tenants, ...rest } = await worstTenants(registry, { limit: 10, examine: 100 });
    expect(tenants.map(({ id }) => id)).toEqual(['c', 'b', 'g', 'f', 'e', 'd']);
    expect(rest).toEqual({ examined: 7, complete: true });
  });

  test('a tenant that is overdue is among them', async () => {
    const registry = await registryOf({ a: { nextDueInMs: 0 }, b: {} });
    const tenants = await until('it has been due for a millisecond', async () => {
      const worst = await worstTenants(registry, { limit: 10, examine: 100 });
      return worst.tenants.length > 0 && worst.tenants;
    });
    expect(tenants.map(({ id }) => id)).toEqual(['a']);
  });

  test('a tenant is overdue from the millisecond after its due time on', async () => {
    const now = Date.parse('2026-03-01T10:00:00.000Z');
    const registryWith = (...tenants: TenantRecord[]) =>
      ({ list: async () => tenants }) as unknown as Registry;
    const dueAt = (id: string, ms: number) =>
      tenantRecord(id, { schedule: { ...tenantRecord(id).schedule, nextDueUtc: new Date(ms) } });
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    const { tenants } = await worstTenants(registryWith(dueAt('a', now), dueAt('b', now - 1)), {
      limit: 10,
      examine: 100,
    });
    clock.mockRestore();
    expect(tenants.map(({ id }) => id)).toEqual(['b']);
  });

  test('it reads and returns at most the requested number, and says if it left some out', async () => {
    const registry = await registryOf({
      a: { failureStreak: 1 },
      b: { failureStreak: 3 },
      c: { failureStreak: 2 },
      d: { failureStreak: 9 },
    });
    const first = await worstTenants(registry, { limit: 2, examine: 3 });
    expect(first.tenants.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(first).toMatchObject({ examined: 3, complete: false });
  });

  test('of equally failing ones the longest due comes first, then those without a due time, by their ids', async () => {
    const registry = await registryOf({
      a: { backlog: true, nextDueInMs: null },
      b: { backlog: true, nextDueInMs: 5_000 },
      c: { backlog: true, nextDueInMs: null },
      d: { backlog: true, nextDueInMs: 2_000 },
    });
    const { tenants } = await worstTenants(registry, { limit: 10, examine: 100 });
    expect(tenants.map(({ id }) => id)).toEqual(['d', 'b', 'a', 'c']);
  });

  test('more tenants than one page are read, page after page', async () => {
    const registry = await place.registry(createSqliteEngine({ registry: ':memory:' }));
    for (let index = 0; index < 1_002; index++) {
      const id = `t${String(index).padStart(4, '0')}`;
      await registry.add(tenantDefinition({ id }), id);
      if (index % 1_001 > 0) continue;
      await registry.report({
        tenantId: id,
        outcome: 'failed',
        counts: noCounts,
        durationMs: 1,
        backlog: false,
        schedule: { mode: 'set', nextDueInMs: 60_000, idleStreak: 0, failureStreak: 1 + index },
      });
    }
    const sizes: (number | undefined)[] = [];
    const watched: Registry = Object.assign(Object.create(registry), {
      list(query: Parameters<Registry['list']>[0]) {
        sizes.push(query?.limit);
        return registry.list(query);
      },
    });
    const all = await worstTenants(watched, { limit: 2, examine: 5_000 });
    expect(all).toMatchObject({
      examined: 1_002,
      complete: true,
      tenants: [{ id: 't1001' }, { id: 't0000' }],
    });
    const some = await worstTenants(watched, { limit: 2, examine: 1_001 });
    expect(some).toMatchObject({ examined: 1_001, complete: false });
    expect(sizes).toEqual([1_000, 1_000, 1_000, 1]);
    await registry.close();
  });

  test('paused and retired tenants are never listed', async () => {
    const registry = await registryOf({ a: { failureStreak: 1 }, b: { failureStreak: 1 } });
    await registry.setStatus('a', 'paused');
    await registry.setStatus('b', 'retired');
    expect(await worstTenants(registry, { limit: 2, examine: 3 })).toEqual({
      tenants: [],
      examined: 0,
      complete: true,
    });
  });
});
