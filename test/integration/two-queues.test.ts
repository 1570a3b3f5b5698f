/** One run serves every queue of its tenant (D1), also while another host holds one of them. */
import { defineHandler, defineInboxHandler, PermanentError } from '../../src/queue/handler.ts';
import { FleetPlace } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const claim = { limit: 10, maxBytes: 1_000_000 };

/**
 * A tenant that only wakes make due, with a message in its outbox that another host has claimed under a lease of
 * `leaseMs`.
 */
async function outboxHeld(leaseMs: number) {
  const seen: string[] = [];
  const handlers = [
    defineHandler({ topic: 'orders', handle: ({ payload }) => void seen.push(`outbox ${payload}`) }),
    defineInboxHandler({ topic: 'paid', handle: ({ payload }) => void seen.push(`inbox ${payload}`) }),
  ];
  const face = await place.fleet([], { handlers, schedule: { idleFloorMs: 50 } });
  await face.tenants.add({ id: 'acme', overrides: { idleCeilingMs: 'never' } });
  await face.migrate();
  await face.outbox('acme').enqueue({ topic: 'orders', payload: '1' });
  // The other host has the request of this plan.
  await face.plan();
  const queue = (await place.tenant('acme')).queue('outbox');
  const begun = await queue.begin({ owner: 'other host', durationMs: leaseMs, claim });
  expect(begun.status).toBe('claimed');
  await face.inbox('acme').receive({ source: 'bank', messageId: '1', topic: 'paid', payload: '2' });
  // The other host's run goes on for a while.
  await (await place.registry()).postpone('acme', leaseMs);
  const dueAt = async () => (await face.tenants.get('acme')).schedule.nextDueUtc?.getTime() ?? null;
  return { face, seen, dueAt };
}

test("D1, F5: a dead host's messages are recovered although a run of another queue was reported since", async () => {
  const { face, seen } = await outboxHeld(300);
  const { runs } = await face.tick();
  expect(runs).toMatchObject([{ outcome: 'dispatched' }]);
  expect(runs[0]!.queues.map(({ queue, status }) => `${queue} ${status}`).sort()).toEqual([
    'inbox dispatched',
    'outbox leased-elsewhere',
  ]);
  await until('the outbox is taken over', async () => {
    await face.tick();
    return seen.length === 2;
  });
  expect(seen).toEqual(['inbox 2', 'outbox 1']);
});

test('D1, F5: a due time that the holder of the other queue reported is not postponed', async () => {
  const { face, dueAt } = await outboxHeld(60_000);
  await face.plan();
  const registry = await place.registry();
  const counts = { done: 1, retried: 0, dead: 0, released: 0, parked: 0, lost: 0, recovered: 0 };
  const schedule = { mode: 'set', nextDueInMs: 5_000, idleStreak: 0, failureStreak: 0 } as const;
  await registry.report({
    tenantId: 'acme',
    outcome: 'dispatched',
    counts,
    durationMs: 1,
    backlog: false,
    schedule,
  });
  const reported = await dueAt();
  expect(reported).not.toBeNull();
  expect(await face.dispatch({ tenantId: 'acme' })).toMatchObject({ outcome: 'dispatched' });
  expect(await dueAt()).toBe(reported);
});

test('S2: a run leaves what was reported of a queue that it does not serve', async () => {
  const handlers = [
    defineHandler({ topic: 'orders', handle() {} }),
    defineInboxHandler({ topic: 'paid', handle() {} }),
  ];
  const both = await place.fleet(['acme'], { handlers });
  await both.inbox('acme').receive({ source: 'bank', messageId: '1', topic: 'unknown', payload: '' });
  await both.tick();
  const known = async () => (await both.tenants.get('acme')).schedule;
  expect(await known()).toMatchObject({
    parkedTopics: ['unknown'],
    queues: { outbox: { ready: 0 }, inbox: { ready: 1, parked: [{ topic: 'unknown', count: 1 }] } },
  });
  const { inbox } = (await known()).queues;
  const outboxOnly = place.face({ handlers: handlers.slice(0, 1) });
  await outboxOnly.dispatch({ tenantId: 'acme' });
  expect(await known()).toMatchObject({ lastOutcome: 'idle', parkedTopics: ['unknown'], queues: { inbox } });
});

test('S2: a run that ends late leaves what another run has reported since of the queue that both served', async () => {
  const lastRun = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const handlers = [
    defineHandler({
      topic: 'orders',
      handle() {
        throw new PermanentError('never');
      },
    }),
    defineInboxHandler({
      topic: 'paid',
      async handle() {
        started.resolve();
        await lastRun.promise;
      },
    }),
  ];
  const slow = await place.fleet(['acme'], { handlers });
  await slow.inbox('acme').receive({ source: 'bank', messageId: '1', topic: 'paid', payload: '' });
  const slowRun = slow.dispatch({ tenantId: 'acme' });
  await started.promise;
  const tenant = await place.tenant('acme');
  await until('the slow run has left the outbox', async () => {
    const lease = (await tenant.leases.list()).find(({ name }) => name === 'queue:outbox');
    return lease === undefined || lease.owner === null;
  });
  await slow.outbox('acme').enqueue({ topic: 'orders', payload: '' });
  const fast = place.face({ handlers });
  expect(await fast.dispatch({ tenantId: 'acme' })).toMatchObject({ outcome: 'dispatched' });
  lastRun.resolve();
  expect(await slowRun).toMatchObject({ outcome: 'dispatched' });
  expect((await slow.tenants.get('acme')).schedule).toMatchObject({
    queues: { outbox: { dead: 1 }, inbox: { ready: 0 } },
    failingTopics: [{ topic: 'orders' }],
  });
});
