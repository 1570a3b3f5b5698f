/** S2: status, health and the console show the worst tenants first, in one order. */

import { tenantRow } from '../../../../src/console/tenants/tenant-row.ts';
import { worstOf as worstOfConsole } from '../../../../src/console/tenants/worst.ts';
import type { TenantRecord } from '../../../../src/engine/registry.ts';
import { conditionOf, worseFirst, worstOf } from '../../../../src/fleet/operations/worse-first.ts';
import { tenantRecord } from '../../../support/candidate.ts';
import { queueState } from '../../../support/queue-state.ts';

const now = Date.now();

function tenant(
  id: string,
  schedule: Partial<TenantRecord['schedule']> = {},
  status: TenantRecord['status'] = 'active',
): TenantRecord {
  return { ...tenantRecord(id, { schedule: { ...tenantRecord(id).schedule, ...schedule } }), status };
}

const topic = {
  queue: 'outbox',
  topic: 'orders',
  source: null,
  sinceUtc: new Date(now),
  lastUtc: new Date(now),
  failures: 1,
  messageId: '',
  error: 'Error',
} as const;
const outbox = (fields: Parameters<typeof queueState>[0]) => ({
  queues: { outbox: { ...queueState(fields), asOfUtc: new Date(now) } },
});
const dead = (count: number) => outbox({ dead: count });
const due = (ms: number) => ({ nextDueUtc: new Date(now + ms) });
const dueFor = (oldestDueAgeMs: number) => outbox({ oldestDueAgeMs });

/** Their ids say nothing of their order. */
const inOrder = [
  tenant('m', { failureStreak: 7 }),
  tenant('c', { failureStreak: 2, ...dead(9) }),
  tenant('x', { failingTopics: [topic, topic] }),
  tenant('a', { failingTopics: [topic], ...dead(9) }),
  tenant('k', dead(5)),
  tenant('b', { ...dead(3), failureStreak: 9, failingTopics: [topic] }, 'paused'),
  tenant('z', { ...dead(1), backlog: true }),
  tenant('d', { parkedTopics: ['one', 'two'] }),
  tenant('y', { parkedTopics: ['one'], backlog: true }),
  tenant('e', { backlog: true, ...due(5_000) }),
  tenant('w', dueFor(60_000)),
  tenant('f', { ...dueFor(1_000), ...due(-9_000) }),
  tenant('v', {}, 'paused'),
  tenant('u', due(-60_000)),
  tenant('g', due(1_000)),
  tenant('h', { nextDueUtc: null }),
  tenant('t', { nextDueUtc: null }),
  tenant('s', { ...dead(99), failureStreak: 99, backlog: true }, 'retired'),
];
const ids = (tenants: readonly { readonly id: string }[]) => tenants.map(({ id }) => id);

test('S2: failing, failing topics, dead, parked, backlog, waiting, paused, by due time, retired', () => {
  expect(ids(worstOf([], inOrder.toReversed(), 100))).toEqual(ids(inOrder));
  expect(ids(worstOf(inOrder.slice(0, 3), [inOrder[4]!, inOrder[3]!], 4))).toEqual(ids(inOrder.slice(0, 4)));
});

test('S2: the console has the same order', () => {
  const { tenants } = worstOfConsole(inOrder.toReversed().map(tenantRow), now);
  const shown = new Set(ids(tenants));
  expect(shown.size).toBeGreaterThan(9);
  expect(ids(tenants)).toEqual(ids(inOrder).filter((id) => shown.has(id)));
});

test('S2: a condition is that of all queues: their dead messages, and the oldest message of any', () => {
  const queues = {
    outbox: { ...queueState({ dead: 2, oldestDueAgeMs: 1_000 }), asOfUtc: new Date(now) },
    inbox: { ...queueState({ dead: 3, oldestDueAgeMs: 2_000 }), asOfUtc: new Date(now - 5_000) },
  };
  const schedule = { queues, failingTopics: [topic], parkedTopics: ['one', 'two'], failureStreak: 4 };
  expect(conditionOf(tenant('a', { ...schedule, ...due(9_000) }))).toEqual({
    id: 'a',
    status: 'active',
    failureStreak: 4,
    failingTopics: 1,
    dead: 5,
    parkedTopics: 2,
    backlog: false,
    oldestDueMs: now - 7_000,
    nextDueMs: now + 9_000,
  });
  const quiet = { outbox: { ...queueState({ oldestDueAgeMs: null }), asOfUtc: new Date(now) } };
  expect(conditionOf(tenant('a', { queues: quiet, nextDueUtc: null }))).toMatchObject({
    dead: 0,
    oldestDueMs: null,
    nextDueMs: null,
  });
});

test('S2: equally bad tenants have the order of their ids, and a tenant is not worse than itself', () => {
  const [a, b] = [conditionOf(tenant('a', due(1_000))), conditionOf(tenant('b', due(1_000)))];
  expect([worseFirst(a, b), worseFirst(b, a), worseFirst(a, a)]).toEqual([-1, 1, 0]);
});
