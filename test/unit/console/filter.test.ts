/** S4: a number of the console and the list behind it are of the same tenants. */
import { conditions, filterOf } from '../../../src/console/tenants/filter.ts';
import { summaryOf } from '../../../src/console/tenants/summary.ts';
import type { TenantRow } from '../../../src/console/tenants/tenant-row.ts';

const now = Date.parse('2026-01-01T12:00:00.000Z');

const row = (id: string, given: Partial<TenantRow> = {}) =>
  ({
    ...{ id, status: 'active', tags: {}, server: '', database: id, lastRunUtc: null, lastOutcome: null },
    ...{ nextDueUtc: null, failureStreak: 0, failingTopics: 0, parkedTopics: 0, errorCode: null },
    ...{ backlog: false, counts: null, atLeast: [], oldestDueUtc: null, countedUtc: null, failing: [] },
    ...{ parked: [], idleStreak: 0, unreadable: false, hasOddId: false },
    ...given,
  }) as TenantRow;

/** All that can be the matter with a tenant at once. */
const troubled: Partial<TenantRow> = {
  failureStreak: 2,
  failingTopics: 1,
  parkedTopics: 1,
  backlog: true,
  unreadable: true,
  counts: { ready: 1, due: 1, blocked: 1, dead: 1, parked: 1 },
  nextDueUtc: '2026-01-01T11:00:00.000Z',
};
const rows = [
  row('calm', { lastRunUtc: '2026-01-01T11:59:00.000Z' }),
  row('troubled', troubled),
  row('paused', { ...troubled, status: 'paused' }),
  row('retired', { ...troubled, status: 'retired' }),
];
const found = (q: string) => rows.filter((each) => filterOf(q)(each, now)).map(({ id }) => id);

test.each(Object.keys(conditions))(
  'S4: is:%s finds as many tenants as are counted, and none that is retired',
  (name) => {
    const counted = summaryOf(rows, now).conditions[name as keyof typeof conditions];
    expect(counted).toBeGreaterThan(0);
    expect(found(`is:${name}`)).toHaveLength(counted);
    expect(found(`is:${name}`)).not.toContain('retired');
  },
);

test('S4: runs that fail and topics that fail are two conditions', () => {
  const [runs, topics] = [row('runs', { failureStreak: 1 }), row('topics', { failingTopics: 1 })];
  const holds = (q: string) => [runs, topics].filter((each) => filterOf(q)(each, now)).map(({ id }) => id);
  expect(holds('is:failing')).toEqual(['runs']);
  expect(holds('is:failing-topics')).toEqual(['topics']);
  expect(holds('-is:failing')).toEqual(['topics']);
});
