/** F4: the strategy that the settings name, or that was given in code, is the one that plans. */
import type { MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();

/** The tenants in the order in which plans with a single place choose them; nobody is due again. */
async function turns(options: MultiOutboxOptions): Promise<string[]> {
  const face = await place.fleet([], { handlers: noting().handlers, ...options });
  // By their ids too they stand in the order in which they become due, which may be at once.
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

test('F4: plan.fairEvery: every place goes to whoever has been due longest', async () => {
  expect(await turns({ plan: { strategy: 'priority', capacity, fairEvery: 1 } })).toEqual([
    'a-low',
    'b-urgent',
    'c-high',
  ]);
});

test('F4: a strategy given in code stands before the setting, and sees all that are due', async () => {
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

test('F4: a strategy that is none is refused by what there is', () => {
  expect(() => place.face({ plan: { strategy: 'best' as never } })).toThrow(
    /plan\.strategy.*"best".*'round-robin'/,
  );
});
