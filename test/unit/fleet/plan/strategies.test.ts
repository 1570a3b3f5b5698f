import type { CandidateOrder, PlanCandidate, TenantRecord } from '../../../../src/engine/registry.ts';
import { strategies } from '../../../../src/fleet/plan/strategies/index.ts';
import { priority } from '../../../../src/fleet/plan/strategies/priority.ts';
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

/** The ids in the order in which the strategy chooses them when each gets a slot. */
function inOrder(name: keyof typeof strategies, given: readonly PlanCandidate[]): string[] {
  const chosen = strategies[name]({ fairEvery: 4 }).choose(given, given.length, 1);
  return chosen.map(({ tenant }) => tenant.id);
}

function dueFor(id: string, overdueMs: number, fields: Partial<TenantRecord> = {}, sincePlannedMs = 1_000) {
  return candidate(id, { tenant: tenantRecord(id, fields), overdueMs, sincePlannedMs });
}

describe('the order in which a strategy chooses (F4)', () => {
  test('F4: round-robin: the longest due first', () => {
    expect(inOrder('round-robin', [dueFor('a', 1), dueFor('b', 3), dueFor('c', 2)])).toEqual(['b', 'c', 'a']);
  });

  test('F4: drain-first: a backlog first, the longest due among equals', () => {
    const { schedule } = tenantRecord('a');
    const backlog = { schedule: { ...schedule, backlog: true } };
    const given = [dueFor('a', 9), dueFor('b', 1, backlog), dueFor('c', 2, backlog), dueFor('d', 8)];
    expect(inOrder('drain-first', given)).toEqual(['c', 'b', 'a', 'd']);
  });

  test('F4: priority: the higher number first, the longest due among equals', () => {
    const given = [
      dueFor('a', 1, { priority: -1 }),
      dueFor('b', 1, { priority: 5 }),
      dueFor('c', 2, { priority: 5 }),
      dueFor('d', 9, { priority: 0 }),
    ];
    expect(inOrder('priority', given)).toEqual(['c', 'b', 'd', 'a']);
  });

  test('F4: deadline: the SLA that runs out first, counted in seconds; tenants without one last', () => {
    const given = [
      dueFor('none', 9_000, { slaSeconds: null }),
      dueFor('long-none', 10_000, { slaSeconds: null }),
      dueFor('in-3s', 0, { slaSeconds: 3 }),
      dueFor('in-2.5s', 7_500, { slaSeconds: 10 }),
      dueFor('broken', 2_000, { slaSeconds: 1 }),
    ];
    expect(inOrder('deadline', given)).toEqual(['broken', 'in-2.5s', 'in-3s', 'long-none', 'none']);
  });

  test('F4: weighted: the product of weight and time since the last plan; never planned first', () => {
    const given = [
      dueFor('a', 9, { weight: 1 }, 2_500),
      dueFor('b', 1, { weight: 3 }, 1_000),
      dueFor('c', 5, { weight: 0.5 }, 4_000),
      candidate('new', { overdueMs: 1, sincePlannedMs: null }),
      candidate('newer', { overdueMs: 0, sincePlannedMs: null }),
    ];
    expect(inOrder('weighted', given)).toEqual(['new', 'newer', 'b', 'a', 'c']);
  });
});

test('F4: round-robin chooses as many as fit, and has no fair slots', () => {
  const given = [dueFor('a', 1), dueFor('b', 3), dueFor('c', 2)];
  for (const turn of [0, 1, 2, 3])
    expect(strategies['round-robin']({ fairEvery: 1 }).choose(given, 2, turn)).toEqual([given[1], given[2]]);
});

describe('fair slots (F4)', () => {
  const preferring = [strategies.priority({ fairEvery: 4 }), priority()];
  const urgent = ['u1', 'u2', 'u3'].map((id) => dueFor(id, 0, { priority: 9 }));
  const waiting = ['w1', 'w2', 'w3'].map((id, n) => dueFor(id, 9 - n));

  test.each([
    [0, ['u1', 'u2', 'u3']],
    [1, ['u1', 'u2', 'w1']],
    [2, ['u1', 'u2', 'w1']],
    [3, ['u1', 'u2', 'w1']],
    [4, ['u1', 'u2', 'u3']],
  ])('F4: every fourth slot is one, also by default: with 3 slots a plan, plan %p', (turn, chosen) => {
    for (const strategy of preferring)
      expect(strategy.choose([...urgent, ...waiting], 3, turn).map(({ tenant }) => tenant.id)).toEqual(
        chosen,
      );
  });

  test('F4: a plan with more slots than that has several, for those that have been due longest', () => {
    const given = [...waiting, ...urgent, dueFor('u4', 0, { priority: 9 })];
    const chosen = strategies.priority({ fairEvery: 2 }).choose(given, 4, 7);
    expect(chosen.map(({ tenant }) => tenant.id)).toEqual(['u1', 'u2', 'w1', 'w2']);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '4', null])(
    'F4: fairEvery of %p is refused',
    (fairEvery) => {
      expect(() => priority({ fairEvery: fairEvery as number })).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          message: `priority: 'fairEvery' must be a whole number from 1, got ${typeof fairEvery === 'string' ? '"4"' : fairEvery}.`,
        }),
      );
    },
  );
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
