/** S4: whom the next plans find due, and why. */
import { nextTenants } from '../../../src/console/tenants/next-plan.ts';
import type { TenantRow } from '../../../src/console/tenants/tenant-row.ts';

const now = Date.parse('2026-01-01T12:00:00.000Z');
const row = (id: string, given: Partial<TenantRow>) =>
  ({
    ...{ id, status: 'active', nextDueUtc: '2026-01-01T12:00:00.000Z', counts: null, backlog: false },
    ...{ lastRunUtc: '2026-01-01T11:00:00.000Z', failureStreak: 0, idleStreak: 0 },
    ...given,
  }) as TenantRow;
const counts = { ready: 3, due: 0, blocked: 0, dead: 0, parked: 0 };

test.each<[string, Partial<TenantRow>]>([
  ['it has never run', { lastRunUtc: null, failureStreak: 2, backlog: true }],
  ['try again after 2 failed in a row', { failureStreak: 2, backlog: true, idleStreak: 4 }],
  ['its last run left due messages', { backlog: true, counts }],
  ['a message becomes due', { counts, idleStreak: 4 }],
  ['a look, after 4 idle in a row', { idleStreak: 4 }],
  ['a look after its last run', {}],
])('S4: the reason is "%s"', (why, given) => {
  expect(nextTenants([row('acme', given)], now).next).toMatchObject([{ why }]);
});

test('S4: the longest due comes first; paused and retired tenants are not planned, and some wait for a wake', () => {
  const later = row('later', { nextDueUtc: '2026-01-01T12:00:00.001Z' });
  const present = row('present', {});
  const late = row('late', { nextDueUtc: '2026-01-01T10:00:00.000Z' });
  const others = [
    row('asleep', { nextDueUtc: null }),
    row('paused', { status: 'paused' }),
    row('retired', { status: 'retired' }),
  ];
  const { due, onWake, next } = nextTenants([later, present, late, ...others], now);
  expect([due, onWake]).toEqual([2, 1]);
  expect(next.map(({ row: { id }, nextDueUtc }) => [id, nextDueUtc])).toEqual([
    ['late', '2026-01-01T10:00:00.000Z'],
    ['present', '2026-01-01T12:00:00.000Z'],
    ['later', '2026-01-01T12:00:00.001Z'],
  ]);
});

test('S4: at most 100 of them are listed, and all are counted', () => {
  const { due, next } = nextTenants(
    Array.from({ length: 150 }, (_, number) => row(`t${number}`, {})),
    now,
  );
  expect([due, next.length]).toEqual([150, 100]);
});
