import { createMultiOutbox, type MultiOutbox } from '../../../src/multi-outbox.ts';
import { defineHandler } from '../../../src/queue/handler.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();
const messages = Array.from({ length: 20 }, (_, index) => ({ topic: 'order', payload: index }));
const opened: MultiOutbox[] = [];

afterEach(async () => {
  for (const multiOutbox of opened.splice(0)) await multiOutbox.close();
});

/** A host whose runs end their budget after the first batch of ten. */
async function hostWithBacklog(seen: number[]): Promise<MultiOutbox> {
  const spendBudget = () => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  };
  const handler = defineHandler({
    topic: 'order',
    handle({ payload }) {
      if (seen.push(Number(payload)) % 10 === 1) spendBudget();
    },
  });
  const multiOutbox = createMultiOutbox({
    registry: place.registryUrl,
    handlers: [handler],
    dispatch: { timeBudgetMs: 50, batchSize: 10, concurrency: 1 },
    plan: { redispatchMs: '5m' },
    schedule: { idleFloorMs: '1m' },
  });
  opened.push(multiOutbox);
  await place.registry();
  await multiOutbox.tenants.add({ id: 'acme' });
  await multiOutbox.migrate();
  await multiOutbox.outbox('acme').enqueue(messages);
  return multiOutbox;
}

const nextDueInMs = async (multiOutbox: MultiOutbox) => {
  const { schedule } = await multiOutbox.tenants.get('acme');
  return schedule.nextDueUtc!.getTime() - Date.now();
};

describe('backlog left at the end of a run (F5)', () => {
  test('a host that continues a backlog gets the request, and no plan makes another', async () => {
    const seen: number[] = [];
    const multiOutbox = await hostWithBacklog(seen);
    const [planned] = (await multiOutbox.plan()).requests;
    const first = await multiOutbox.dispatch(planned!, { continues: true });
    expect(first).toMatchObject({ outcome: 'dispatched', more: true });
    expect(first.continuation).toMatchObject({ version: 1, tenantId: 'acme', reason: 'backlog' });
    expect(await multiOutbox.plan()).toMatchObject({ status: 'idle', requests: [] });
    expect(await nextDueInMs(multiOutbox)).toBeGreaterThan(200_000);
    let next = first.continuation;
    while (next) next = (await multiOutbox.dispatch(next, { continues: true })).continuation;
    expect([...seen].sort((a, b) => a - b)).toEqual(messages.map(({ payload }) => payload));
    expect(await nextDueInMs(multiOutbox)).toBeLessThanOrEqual(60_000);
  });

  test('without a host that continues, the tenant is due now', async () => {
    const multiOutbox = await hostWithBacklog([]);
    const [planned] = (await multiOutbox.plan()).requests;
    const report = await multiOutbox.dispatch(planned!);
    expect(report).toMatchObject({ more: true });
    expect(report.continuation).toBeUndefined();
    expect((await multiOutbox.plan()).requests).toMatchObject([{ tenantId: 'acme', reason: 'backlog' }]);
  });

  test('D5: a host that is being stopped leaves the backlog to the next plan', async () => {
    const multiOutbox = await hostWithBacklog([]);
    const [planned] = (await multiOutbox.plan()).requests;
    const report = await multiOutbox.dispatch(planned!, { continues: true, signal: AbortSignal.abort() });
    expect(report).toMatchObject({ outcome: 'idle', more: true });
    expect(report.continuation).toBeUndefined();
    expect((await multiOutbox.plan()).requests).toHaveLength(1);
  });

  test('F6: a request that another run has made stale is dropped without a call to the database', async () => {
    const multiOutbox = await hostWithBacklog([]);
    const [planned] = (await multiOutbox.plan()).requests;
    const late = { ...planned!, plannedUtc: new Date(Date.now() - 60_000).toISOString() };
    let next = (await multiOutbox.dispatch(planned!, { continues: true })).continuation;
    while (next) next = (await multiOutbox.dispatch(next, { continues: true })).continuation;
    const before = await multiOutbox.tenants.get('acme');
    expect(await multiOutbox.dispatch(late, { continues: true })).toMatchObject({
      outcome: 'skipped',
      skipped: 'stale',
      roundTrips: 0,
    });
    expect((await multiOutbox.tenants.get('acme')).schedule).toEqual(before.schedule);
  });
});

describe('a wake during a run (F7)', () => {
  /** A host whose handler stores another message, with its wake, when it handles the first. */
  async function wokenHost(seen: number[]): Promise<MultiOutbox> {
    const handler = defineHandler({
      topic: 'order',
      async handle({ payload }) {
        seen.push(Number(payload));
        if (String(payload) === '1') await multiOutbox.outbox('acme').enqueue({ topic: 'order', payload: 2 });
      },
    });
    const multiOutbox = createMultiOutbox({
      registry: place.registryUrl,
      handlers: [handler],
      plan: { redispatchMs: '5m' },
      schedule: { idleFloorMs: '1m' },
    });
    opened.push(multiOutbox);
    await place.registry();
    await multiOutbox.tenants.add({ id: 'acme' });
    await multiOutbox.migrate();
    await multiOutbox.outbox('acme').enqueue({ topic: 'order', payload: 1 });
    return multiOutbox;
  }

  test('F7: a host that continues gets the request of the run that follows, and no plan makes another', async () => {
    const seen: number[] = [];
    const multiOutbox = await wokenHost(seen);
    const [planned] = (await multiOutbox.plan()).requests;
    const first = await multiOutbox.dispatch(planned!, { continues: true });
    expect(first).toMatchObject({ woken: true, continuation: { tenantId: 'acme', reason: 'wake' } });
    expect(await multiOutbox.plan()).toMatchObject({ status: 'idle', requests: [] });
    const second = await multiOutbox.dispatch(first.continuation!, { continues: true });
    expect([second.woken, second.continuation, seen.toSorted()]).toEqual([undefined, undefined, [1, 2]]);
  });

  test('F7: without a host that continues, the tenant is due now', async () => {
    const multiOutbox = await wokenHost([]);
    const [planned] = (await multiOutbox.plan()).requests;
    const report = await multiOutbox.dispatch(planned!);
    expect([report.woken, report.continuation]).toEqual([true, undefined]);
    expect((await multiOutbox.plan()).requests).toMatchObject([{ tenantId: 'acme', reason: 'wake' }]);
  });
});
