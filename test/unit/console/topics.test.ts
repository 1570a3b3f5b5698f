/** S4: the topics of the fleet, from the last reports of its tenants. */
import type { TenantRow } from '../../../src/console/tenants/tenant-row.ts';
import { newlyFailing, topicsOf } from '../../../src/console/tenants/topics.ts';

const row = (id: string, given: Partial<TenantRow>) =>
  ({ id, status: 'active', failing: [], parked: [], hasOddId: false, ...given }) as TenantRow;
const failing = (topic: string, sinceUtc: string, lastUtc: string) => ({
  queue: 'outbox' as const,
  topic,
  source: null,
  failures: 1,
  sinceUtc,
  lastUtc,
});

test('D4: a topic that tenants write differently is one topic', () => {
  const topics = topicsOf([
    row('acme', { failing: [failing('Invoices', '2026-01-02', '2026-01-02')] }),
    row('globex', { failing: [failing('invoices', '2026-01-01', '2026-01-03')] }),
  ]);
  expect(topics.failing).toEqual([
    {
      ...failing('Invoices', '2026-01-01', '2026-01-03'),
      failures: 2,
      tenants: 2,
      tenantIds: ['acme', 'globex'],
    },
  ]);
});

test('D4: a tenant that writes a topic in two ways counts once, with the messages of both', () => {
  const parked = [
    { queue: 'outbox', topic: 'Old', count: 2 },
    { queue: 'outbox', topic: 'old', count: 3 },
    { queue: 'inbox', topic: 'old', count: 1 },
  ];
  expect(topicsOf([row('acme', { parked })]).parked).toEqual([
    { queue: 'outbox', topic: 'Old', count: 5, tenants: 1, tenantIds: ['acme'] },
    { queue: 'inbox', topic: 'old', count: 1, tenants: 1, tenantIds: ['acme'] },
  ]);
});

test('S4: a tenant whose id fits no address counts without a link; a retired one does not count', () => {
  const parked = [{ queue: 'outbox', topic: 'old', count: 1 }];
  const rows = [
    row('acme', { parked }),
    row('Odd, <b>', { parked, hasOddId: true }),
    row('initech', { parked, status: 'retired' }),
  ];
  expect(topicsOf(rows).parked).toMatchObject([{ count: 2, tenants: 2, tenantIds: ['acme'] }]);
});

test('S4: what began to fail within a day comes first where it is latest; what has failed elsewhere for longer is not new', () => {
  const now = Date.parse('2026-01-03T00:00:00.000Z');
  const at = (topic: string, sinceUtc: string) => failing(topic, sinceUtc, sinceUtc);
  const found = newlyFailing(
    [
      row('acme', { failing: [at('a', '2026-01-02T10:00:00.000Z'), at('b', '2026-01-02T12:00:00.000Z')] }),
      row('globex', { failing: [at('c', '2026-01-02T11:00:00.000Z'), at('A', '2026-01-02T14:00:00.000Z')] }),
      row('initech', { failing: [at('c', '2026-01-01T11:00:00.000Z'), at('d', '2026-01-02T00:00:00.000Z')] }),
      row('tyrell', { failing: [at('e', '2026-01-02T10:00:00.000Z')], status: 'retired' }),
    ],
    now,
  );
  expect(found.map(({ topic, tenants }) => [topic, tenants])).toEqual([
    ['b', 1],
    ['a', 2],
  ]);
  const many = Array.from({ length: 9 }, (_, number) => at(`t${number}`, '2026-01-02T10:00:00.000Z'));
  expect(newlyFailing([row('acme', { failing: many })], now)).toHaveLength(5);
});

test('S4: at most 100 topics are shown', () => {
  const many = (topic: (number: number) => string) =>
    Array.from({ length: 8 }, (_, tenant) =>
      row(`t${tenant}`, {
        failing: Array.from({ length: 20 }, (_, each) => failing(topic(tenant * 20 + each), 'x', 'x')),
      }),
    );
  expect(topicsOf(many((number) => `topic ${number}`)).failing).toHaveLength(100);
});
