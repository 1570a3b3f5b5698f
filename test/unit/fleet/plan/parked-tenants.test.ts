import type { ListTenants, Registry, TenantRecord } from '../../../../src/engine/registry.ts';
import { ParkedTenants } from '../../../../src/fleet/plan/parked-tenants.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';

/** A registry of tenants with these parked topics, which records the calls. */
function registryOf(parked: Record<string, string[]>) {
  const calls: unknown[] = [];
  const state = { fails: false };
  const tenants = Object.entries(parked).map(([id, parkedTopics]) => ({ id, schedule: { parkedTopics } }));
  const registry = {
    async list(query: ListTenants) {
      calls.push(query);
      if (state.fails) throw new Error('the registry is away');
      const { after = '', limit = 0 } = query;
      return tenants.filter(({ id }) => id > after).slice(0, limit) as unknown as TenantRecord[];
    },
    async wake(ids: readonly string[]) {
      calls.push(ids);
      return { tenantIds: [...ids], chosen: [], due: [...ids], inFlight: [], durable: Promise.resolve() };
    },
  } as Partial<Registry> as Registry;
  return { registry, calls, state };
}

describe('tenants with parked messages of topics that this process handles (D4)', () => {
  test('D4: they are woken once, before the first plan; the topic’s case does not matter', async () => {
    const { registry, calls } = registryOf({ a: ['x', 'MINE'], b: ['other'], c: ['mine'] });
    const parked = new ParkedTenants(['Mine'], recordingLogger());
    await parked.wakeOnce(registry);
    expect(calls).toEqual([{ status: 'active', parked: true, after: '', limit: 1_000 }, ['a', 'c']]);
    await parked.wakeOnce(registry);
    expect(calls).toHaveLength(2);
  });

  test('D4: all pages are read', async () => {
    const ids = Array.from({ length: 2_100 }, (_, index) => `t${String(index).padStart(4, '0')}`);
    const { registry, calls } = registryOf(Object.fromEntries(ids.map((id) => [id, ['mine']])));
    await new ParkedTenants(['mine'], recordingLogger()).wakeOnce(registry);
    expect(calls.filter(Array.isArray).flat()).toEqual(ids);
    expect(calls).toHaveLength(6);
  });

  test('D4: a process without handlers asks nothing; a page without such tenants wakes none', async () => {
    const { registry, calls } = registryOf({ b: ['other'] });
    await new ParkedTenants([], recordingLogger()).wakeOnce(registry);
    expect(calls).toEqual([]);
    await new ParkedTenants(['mine'], recordingLogger()).wakeOnce(registry);
    expect(calls).toHaveLength(1);
  });

  test('F3: a failure fails no plan, and the next plan tries again', async () => {
    const { registry, calls, state } = registryOf({ a: ['mine'] });
    const logger = recordingLogger();
    const parked = new ParkedTenants(['mine'], logger);
    state.fails = true;
    await parked.wakeOnce(registry);
    expect(logger.lines).toMatchObject([{ level: 'warn' }]);
    state.fails = false;
    await parked.wakeOnce(registry);
    expect(calls.at(-1)).toEqual(['a']);
  });
});
