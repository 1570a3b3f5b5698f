/** F4: the strategy that the settings name, or that was given in code, is the one that plans. */
import type { MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { hostileValues } from '../support/hostile.ts';

const place = new FleetPlace();

/** The tenants in the order in which plans with a single slot choose them; no tenant becomes due again. */
async function turns(options: MultiOutboxOptions): Promise<string[]> {
  const face = await place.fleet([], { handlers: noting().handlers, ...options });
  // The ids have the order in which the tenants become due, because all may become due at once.
  await face.tenants.add({ id: 'a-low', weight: 1 });
  await face.tenants.add({ id: 'b-urgent', slaSeconds: 1 });
  await face.tenants.add({ id: 'c-high', priority: 5 });
  const chosen: string[] = [];
  for (let plan = 1; plan <= 3; plan++) chosen.push((await face.plan()).requests[0]!.tenantId);
  return chosen;
}

const capacity = 1;
const fairEvery = 1_000;

test.each([
  ['round-robin', ['a-low', 'b-urgent', 'c-high']],
  ['priority', ['c-high', 'a-low', 'b-urgent']],
  ['deadline', ['b-urgent', 'a-low', 'c-high']],
] as const)('F4: plan.strategy is %s', async (strategy, order) => {
  expect(await turns({ plan: { strategy, capacity, fairEvery } })).toEqual(order);
});

test('F4: plan.fairEvery: every slot goes to the tenant that has been due longest', async () => {
  expect(await turns({ plan: { strategy: 'priority', capacity, fairEvery: 1 } })).toEqual([
    'a-low',
    'b-urgent',
    'c-high',
  ]);
});

test('F4: a strategy given in code overrides the setting, and sees all due tenants', async () => {
  const seen: number[] = [];
  const strategy: MultiOutboxOptions['strategy'] = {
    name: 'last id first',
    choose(candidates) {
      seen.push(candidates.length);
      return candidates.toSorted((a, b) => (a.tenant.id < b.tenant.id ? 1 : -1));
    },
  };
  const order = await turns({ strategy, plan: { strategy: 'priority', capacity } });
  expect(order).toEqual(['c-high', 'b-urgent', 'a-low']);
  expect(seen).toEqual([3, 2, 1]);
});

test('F4: an invalid strategy is refused with a list of the known ones', () => {
  expect(() => place.face({ plan: { strategy: 'best' as never } })).toThrow(
    /plan\.strategy.*"best".*round-robin/,
  );
});

describe('F4: a strategy that fails fails its own plan, and the next plan is not held up', () => {
  const hostile: [string, () => unknown][] = Object.entries(hostileValues);
  test.each(hostile)('it throws %s', async (_, make) => {
    await planFailsOnce(() => {
      throw make();
    });
  });

  test.each(hostile)('it is an async function that rejects with %s', async (_, make) => {
    const unhandled: unknown[] = [];
    const note = () => unhandled.push('unhandled');
    process.on('unhandledRejection', note);
    await planFailsOnce(async () => {
      throw make();
    });
    // Node reports unhandled rejections before the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('it returns a list that never ends', async () => {
    const face = await place.fleet([], {
      handlers: noting().handlers,
      strategy: {
        name: 'endless',
        choose: function* (candidates: readonly unknown[]) {
          for (;;) yield candidates[0];
        } as never,
      },
    });
    await face.tenants.add({ id: 'acme' });
    expect((await face.plan()).requests).toMatchObject([{ tenantId: 'acme' }]);
  });

  async function planFailsOnce(fail: () => unknown): Promise<void> {
    let fails = true;
    const face = await place.fleet([], {
      handlers: noting().handlers,
      strategy: { name: 'broken', choose: (candidates) => (fails ? (fail() as never) : candidates) },
    });
    await face.tenants.add({ id: 'acme' });
    await expect(face.plan()).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    fails = false;
    expect((await face.plan()).requests).toMatchObject([{ tenantId: 'acme' }]);
  }
});
