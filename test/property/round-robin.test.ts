import fc from 'fast-check';
import { roundRobin } from '../../src/fleet/strategies/round-robin.ts';
import { candidate } from '../support/candidate.ts';

const strategy = roundRobin();
const candidates = fc
  .uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/),
      sincePlannedMs: fc.option(fc.nat(1_000_000)),
      overdueMs: fc.nat(1_000_000),
    }),
    { selector: ({ id }) => id, maxLength: 40 },
  )
  .map((fields) => fields.map(({ id, ...rest }) => candidate(id, rest)));

describe('round-robin (F4)', () => {
  test('F4: it chooses as many as fit, each once, out of the candidates; and leaves its list alone', () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 1, max: 50 }), (given, capacity) => {
        const before = [...given];
        const chosen = strategy.choose(given, capacity);
        expect(chosen).toHaveLength(Math.min(capacity, given.length));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(chosen.every((each) => given.includes(each))).toBe(true);
        expect(given).toEqual(before);
      }),
    );
  });

  test('F4: nobody chosen was planned more recently than somebody left out', () => {
    const wait = (sincePlannedMs: number | null) => sincePlannedMs ?? Number.POSITIVE_INFINITY;
    fc.assert(
      fc.property(candidates, fc.integer({ min: 1, max: 50 }), (given, capacity) => {
        const chosen = strategy.choose(given, capacity);
        const left = given.filter((each) => !chosen.includes(each));
        const shortest = Math.min(...chosen.map(({ sincePlannedMs }) => wait(sincePlannedMs)));
        const longest = Math.max(...left.map(({ sincePlannedMs }) => wait(sincePlannedMs)));
        expect(shortest).toBeGreaterThanOrEqual(longest);
      }),
    );
  });

  test('F4: the order does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(candidates, (given) => {
        const ids = (list: typeof given) => strategy.choose(list, list.length).map(({ tenant }) => tenant.id);
        expect(ids([...given].reverse())).toEqual(ids(given));
      }),
    );
  });

  test('F4: over many ticks every tenant that stays due is served within ⌈due ÷ capacity⌉ plans', () => {
    const scenario = fc.record({
      tenants: fc.integer({ min: 1, max: 40 }),
      capacity: fc.integer({ min: 1, max: 20 }),
      tickMs: fc.integer({ min: 1, max: 5_000 }),
      /** Tenants that are due only now and then: the others must not suffer from them. */
      sometimes: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      seed: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(scenario, ({ tenants, capacity, tickMs, sometimes, seed }) => {
        const ids = Array.from({ length: tenants }, (_, n) => `t${n}`);
        const plannedAt = new Map<string, number>();
        const waiting = new Map<string, number>();
        const bound = Math.ceil(tenants / capacity);
        for (let tick = 1; tick <= 4 * bound + 4; tick++) {
          const now = tick * tickMs;
          const due = ids.filter((_, n) => !sometimes[n] || seed.next().value);
          const chosen = new Set(
            strategy
              .choose(
                due.map((id) =>
                  candidate(id, { sincePlannedMs: plannedAt.has(id) ? now - plannedAt.get(id)! : null }),
                ),
                capacity,
              )
              .map(({ tenant }) => tenant.id),
          );
          for (const id of ids) {
            if (chosen.has(id)) {
              plannedAt.set(id, now);
              waiting.delete(id);
            } else if (due.includes(id)) {
              const passed = (waiting.get(id) ?? 0) + 1;
              waiting.set(id, passed);
              if (passed >= bound) throw new Error(`${id} was passed over ${passed} times, bound ${bound}`);
            } else {
              waiting.delete(id);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
