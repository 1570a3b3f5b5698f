import { isRoutine } from '../../../../src/fleet/plan/plan-report.ts';
import { planOf } from '../../../support/requests.ts';

const plan = planOf('acme', 'birch');

test('F3: a plan that requested nothing, or looks only, is routine', () => {
  expect([isRoutine(plan), isRoutine({ ...plan, requests: [] })]).toEqual([true, true]);
});

test.each(['wake', 'backlog'] as const)('F3: a plan with a request for the reason %s is not', (reason) => {
  const [first, second] = plan.requests;
  expect(isRoutine({ ...plan, requests: [{ ...first!, reason }, second!] })).toBe(false);
  expect(isRoutine({ ...plan, requests: [first!, { ...second!, reason }] })).toBe(false);
});

test('F3: nor is a plan after a late or unfinished one', () => {
  expect([isRoutine({ ...plan, late: true }), isRoutine({ ...plan, unfinished: true })]).toEqual([
    false,
    false,
  ]);
});
