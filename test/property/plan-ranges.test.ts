/** F3: several planners share the tenants by ranges. */
import fc from 'fast-check';
import { leaseNameOf, rangeOf } from '../../src/engine/plan-range.ts';
import { loadSettings } from '../../src/settings.ts';

/** The most that the setting allows. */
const mostPlanners = 64;
const planners = fc.integer({ min: 1, max: mostPlanners });
const tenantId = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/);

test('F3: every tenant is in exactly one range, the same one each time', () => {
  fc.assert(
    fc.property(tenantId, planners, (id, of) => {
      const range = rangeOf(id, of);
      expect(Number.isInteger(range) && range >= 1 && range <= of).toBe(true);
      expect(rangeOf(id, of)).toBe(range);
    }),
  );
});

test('F3: with twice as many planners, each range is split into two', () => {
  fc.assert(
    fc.property(tenantId, fc.integer({ min: 1, max: mostPlanners / 2 }), (id, of) => {
      expect(Math.ceil(rangeOf(id, 2 * of) / 2)).toBe(rangeOf(id, of));
    }),
  );
});

test('F3: ranges are about equally large, also for ids that differ in a number only', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,40}$/),
      fc.integer({ min: 2, max: 8 }),
      (prefix, of) => {
        const sizes = new Array<number>(of + 1).fill(0);
        for (let index = 0; index < 500; index++) sizes[rangeOf(`${prefix}${index}`, of)]!++;
        // Ten standard deviations of a fair share.
        const share = 500 / of;
        for (const size of sizes.slice(1)) expect(Math.abs(size - share)).toBeLessThan(10 * Math.sqrt(share));
      },
    ),
    { numRuns: 10 },
  );
});

test('F3: no two ranges of any numbers of planners share a lease', () => {
  const names = new Set([leaseNameOf(undefined)]);
  let count = 1;
  for (let of = 2; of <= mostPlanners; of++)
    for (let range = 1; range <= of; range++) {
      names.add(leaseNameOf({ range, of }));
      count++;
    }
  expect(names.size).toBe(count);
});

test('F3: the setting allows as many planners as there can be ranges', () => {
  expect(loadSettings({ plan: { planners: mostPlanners } }, {}).plan.planners).toBe(mostPlanners);
  expect(() => loadSettings({ plan: { planners: mostPlanners + 1 } }, {})).toThrow('planners');
});
