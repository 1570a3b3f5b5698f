import type { CandidateOrder } from '../../../../src/engine/registry.ts';
import { strategies } from '../../../../src/fleet/plan/strategies/index.ts';
import { candidate, tenantRecord } from '../../../support/candidate.ts';

const orders: Record<keyof typeof strategies, CandidateOrder> = {
  'round-robin': 'longest-due',
  'drain-first': 'backlog',
  priority: 'priority',
  deadline: 'deadline',
  weighted: 'weight',
};

describe.each(Object.entries(strategies))('%s', (name, make) => {
  const strategy = make({ fairEvery: 4 });

  test('F4: has its name in the settings, and makes the registry read in its own order', () => {
    expect(strategy.name).toBe(name);
    expect(strategy.order).toBe(orders[name as keyof typeof strategies]);
  });

  test('F4: otherwise equal tenants are ordered by id, in any order of reading', () => {
    const [a, b, c] = [candidate('a'), candidate('b'), candidate('c')];
    for (const read of [
      [a, b, c],
      [c, b, a],
      [b, c, a],
    ]) {
      expect(strategy.choose(read, 3, 1)).toEqual([a, b, c]);
    }
  });
});

test('F4: a plan with a slot for every tenant keeps the strategy’s own order, fair slots or not', () => {
  const [low, middle, high] = [1, 2, 3].map((priority) =>
    candidate(`of-${priority}`, {
      tenant: tenantRecord(`of-${priority}`, { priority }),
      overdueMs: 10 - priority,
    }),
  );
  const everySlotIsFair = strategies.priority({ fairEvery: 1 });
  expect(everySlotIsFair.choose([low!, middle!, high!], 3, 1)).toEqual([high, middle, low]);
});
