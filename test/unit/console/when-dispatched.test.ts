import { whenDispatched } from '../../../src/console/page/when-dispatched.ts';

const asOf = new Date('2026-01-01T12:00:00.000Z');

test.each([
  ['paused', '2026-01-01T11:59:00.000Z', /^It is paused\.$/],
  ['active', null, /is being dispatched/],
  ['active', '2026-01-01T11:59:00.000Z', /due since \d\d:59:00/],
  ['active', '2026-01-01T12:00:00.200Z', /due since \d\d:00:00/],
  ['active', '2026-01-01T12:00:30.000Z', /in flight or has just ended, and the next is due at \d\d:00:30/],
] as const)('S4: what an act says of a tenant that is %s and next due %s', (status, nextDueUtc, text) => {
  expect(whenDispatched({ status, nextDueUtc }, asOf)).toMatch(text);
  expect(whenDispatched({ status, nextDueUtc }, asOf)).not.toMatch(
    nextDueUtc === '2026-01-01T12:00:30.000Z' ? /since/ : /in flight/,
  );
});
