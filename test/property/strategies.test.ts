import fc from 'fast-check';
import type { PlanCandidate, TenantRecord } from '../../src/engine/registry.ts';
import { strategies } from '../../src/fleet/plan/strategies/index.ts';
import type { Strategy } from '../../src/fleet/plan/strategy.ts';
import { candidate, tenantRecord } from '../support/candidate.ts';

interface Fields {
  readonly sincePlannedMs: number | null;
  readonly overdueMs: number;
  readonly priority: number;
  readonly weight: number;
  readonly slaSeconds: number | null;
  readonly backlog: boolean;
}

function due(id: string, fields: Fields): PlanCandidate {
  const { sincePlannedMs, overdueMs, backlog, ...definition } = fields;
  const tenant: TenantRecord = tenantRecord(id, definition);
  return candidate(id, {
    tenant: { ...tenant, schedule: { ...tenant.schedule, backlog } },
    sincePlannedMs,
    overdueMs,
  });
}

const definitions = {
  priority: fc.integer({ min: -5, max: 5 }),
  weight: fc.double({ min: 0.01, max: 100, noNaN: true }),
  slaSeconds: fc.option(fc.nat(3_600)),
  backlog: fc.boolean(),
};
const candidates = fc
  .uniqueArray(
    fc.record({
      // The second character is a digit. The registry refuses names of Windows devices, and none of them has a digit
      // there.
      id: fc.stringMatching(/^[a-z][0-9][a-z0-9]{0,4}$/),
      sincePlannedMs: fc.option(fc.nat(1_000_000)),
      overdueMs: fc.nat(1_000_000),
      ...definitions,
    }),
    { selector: ({ id }) => id, maxLength: 40 },
  )
  .map((list) => list.map(({ id, ...fields }) => due(id, fields)));
const capacities = fc.integer({ min: 1, max: 50 });
const turns = fc.nat(1_000_000);
const fairness = fc.integer({ min: 1, max: 10 });

/** The measure that each strategy ranks by, computed independently; a higher value is better. */
const wanted: Record<keyof typeof strategies, (candidate: PlanCandidate) => number> = {
  'round-robin': ({ overdueMs }) => overdueMs,
  'drain-first': ({ tenant }) => (tenant.schedule.backlog ? 1 : 0),
  priority: ({ tenant }) => tenant.priority,
  deadline: ({ tenant, overdueMs }) =>
    tenant.slaSeconds === null ? Number.NEGATIVE_INFINITY : overdueMs - tenant.slaSeconds * 1_000,
  weighted: ({ tenant, sincePlannedMs }) =>
    sincePlannedMs === null ? Number.POSITIVE_INFINITY : tenant.weight * sincePlannedMs,
};

const names = Object.keys(strategies) as (keyof typeof strategies)[];

describe.each(names)('%s (F4)', (name) => {
  test('F4: it chooses as many as fit, each once, out of the candidates; and does not change the list', () => {
    fc.assert(
      fc.property(candidates, capacities, turns, fairness, (given, capacity, turn, fairEvery) => {
        const before = [...given];
        const chosen = strategies[name]({ fairEvery }).choose(given, capacity, turn);
        expect(chosen).toHaveLength(Math.min(capacity, given.length));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(chosen.every((each) => given.includes(each))).toBe(true);
        expect(given).toEqual(before);
      }),
    );
  });

  test('F4: no tenant left out ranks above a chosen one, except for the fair slots', () => {
    fc.assert(
      fc.property(candidates, capacities, turns, fairness, (given, capacity, turn, fairEvery) => {
        const chosen = strategies[name]({ fairEvery }).choose(given, capacity, turn);
        const left = given.filter((each) => !chosen.includes(each));
        const most = Math.max(...left.map(wanted[name]));
        const passedBy = chosen.filter((each) => wanted[name](each) < most);
        const fairSlots = name === 'round-robin' ? 0 : Math.ceil(capacity / fairEvery);
        expect(passedBy.length).toBeLessThanOrEqual(fairSlots);
      }),
    );
  });

  test('F4: the order does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(candidates, capacities, turns, (given, capacity, turn) => {
        const ids = (list: typeof given) =>
          strategies[name]({ fairEvery: 4 })
            .choose(list, capacity, turn)
            .map(({ tenant }) => tenant.id);
        expect(ids([...given].reverse())).toEqual(ids(given));
      }),
    );
  });

  test('F4: it needs no more than the longest due and the first in its order, as many as it chooses', () => {
    fc.assert(
      fc.property(candidates, capacities, turns, fairness, (given, capacity, turn, fairEvery) => {
        const strategy = strategies[name]({ fairEvery });
        const first = (by: (candidate: PlanCandidate) => number) =>
          [...given]
            .sort((a, b) => compare(by(b), by(a)) || b.overdueMs - a.overdueMs || compare(idOf(a), idOf(b)))
            .slice(0, capacity);
        const read = [...new Set([...first(() => 0), ...first(wanted[name])])];
        const chosen = (list: PlanCandidate[]) => new Set(strategy.choose(list, capacity, turn));
        expect(chosen(read)).toEqual(chosen(given));
      }),
    );
  });

  test('F4: no due tenant starves: one that stays due is chosen within the bound, over many plans', () => {
    const scenario = fc.record({
      tenants: fc.array(fc.record({ ...definitions, sometimes: fc.boolean() }), {
        minLength: 1,
        maxLength: 25,
      }),
      capacity: fc.integer({ min: 1, max: 12 }),
      fairEvery: fairness,
      firstTurn: fc.nat(1_000),
      chance: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(scenario, ({ tenants, capacity, fairEvery, firstTurn, chance }) => {
        const strategy = strategies[name]({ fairEvery });
        const every = name === 'round-robin' ? 1 : fairEvery;
        const bound = every * Math.ceil(tenants.length / capacity);
        starve(strategy, tenants, { capacities: () => capacity, firstTurn, bound, chance });
      }),
      { numRuns: 60 },
    );
  });

  test('F4: no due tenant starves when the capacity changes from plan to plan', () => {
    const scenario = fc.record({
      tenants: fc.array(fc.record({ ...definitions, sometimes: fc.boolean() }), {
        minLength: 1,
        maxLength: 12,
      }),
      capacities: fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      fairEvery: fc.integer({ min: 1, max: 5 }),
      firstTurn: fc.nat(1_000),
      chance: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(scenario, ({ tenants, capacities: given, fairEvery, firstTurn, chance }) => {
        starve(strategies[name]({ fairEvery }), tenants, {
          capacities: () => given.next().value,
          firstTurn,
          bound: fairEvery * tenants.length,
          chance,
        });
      }),
      { numRuns: 40 },
    );
  });
});

test('F4: weighted: of tenants that stay due, one of weight 3 is chosen three times as often as one of weight 1', () => {
  const weights = [1, 1, 1, 3, 3, 3];
  // So many slots between two fair slots that the fair ones do not show.
  const strategy = strategies.weighted({ fairEvery: 1_000 });
  const counts = weights.map(() => 0);
  const plannedAt = weights.map((_, n) => -n);
  for (let now = 1; now <= 1_200; now++) {
    const list = weights.map((weight, n) => {
      const waited = now - plannedAt[n]!;
      const fields = { priority: 0, slaSeconds: null, backlog: true };
      return due(`t${n}`, { ...fields, weight, sincePlannedMs: waited, overdueMs: waited });
    });
    const n = list.indexOf(strategy.choose(list, 1, now)[0]!);
    plannedAt[n] = now;
    counts[n]!++;
  }
  for (const light of counts.slice(0, 3))
    for (const heavy of counts.slice(3)) expect(heavy / light).toBeCloseTo(3, 0);
});

interface Starving {
  readonly capacities: () => number;
  readonly firstTurn: number;
  readonly bound: number;
  readonly chance: Iterator<boolean>;
}

/** Plans on and on, as the registry would; fails when a tenant that stays due is passed over too often. */
function starve(
  strategy: Strategy,
  tenants: readonly (Omit<Fields, 'sincePlannedMs' | 'overdueMs'> & { readonly sometimes: boolean })[],
  { capacities, firstTurn, bound, chance }: Starving,
): void {
  const states = tenants.map((fields, n) => ({
    id: `t${n}`,
    fields,
    plannedAt: null as number | null,
    dueAt: null as number | null,
    passedOver: 0,
  }));
  for (let tick = 1; tick <= 3 * bound + 5; tick++) {
    const now = tick * 1_000;
    for (const state of states) {
      if (state.dueAt === null && (!state.fields.sometimes || chance.next().value)) state.dueAt = now;
    }
    const list = states.filter(({ dueAt }) => dueAt !== null);
    const given = list.map(({ id, fields, plannedAt, dueAt }) =>
      due(id, {
        ...fields,
        sincePlannedMs: plannedAt === null ? null : now - plannedAt,
        overdueMs: now - dueAt!,
      }),
    );
    const chosen = new Set(strategy.choose(given, capacities(), firstTurn + tick).map(idOf));
    for (const state of list) {
      if (chosen.has(state.id)) {
        Object.assign(state, { plannedAt: now, dueAt: null, passedOver: 0 });
      } else if (++state.passedOver >= bound) {
        throw new Error(`${state.id} was passed over ${state.passedOver} times; the bound is ${bound}`);
      }
    }
  }
}

function idOf({ tenant }: PlanCandidate): string {
  return tenant.id;
}

function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
