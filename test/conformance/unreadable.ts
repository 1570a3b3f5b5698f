/** Q15: a row that no program can read goes to Dead by itself, and one of the registry is that tenant's trouble. */

import { queueNames, type WorkQueue } from '../../src/engine/work-queue.ts';
import { discardDead, listDead, replayDead } from '../support/dead-letters.ts';
import { queueState } from '../support/queue-state.ts';
import { add, commit, duePlan, ids, noCounts, report, tenantOf } from './registry-entry.ts';
import {
  begin,
  dead,
  done,
  giveBack,
  message,
  next,
  park,
  payloads,
  release,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene } from './scene.ts';

export function unreadableSuite(scene: Scene): void {
  const oddRows = Object.entries(scene.harness.oddRows);
  const reasons = Object.fromEntries(
    oddRows.map(([what, { reason }]) => [what, expect.stringMatching(reason)]),
  );

  /** A queue with every odd row between two good messages; each odd row is named by its CorrelationId. */
  async function queueWithOddRows(name: WorkQueue['name']) {
    const tenant = await scene.queue(name);
    await tenant.queue.enqueue([message('before')]);
    for (const [what, { columns }] of oddRows) {
      const row = { Topic: `'orders'`, Payload: `'{}'`, ...columns, CorrelationId: `'${what}'` };
      await scene.stage.insertRow(tenant.address, name, row);
    }
    await tenant.queue.enqueue([message('after')]);
    return tenant;
  }

  /** Everything that is due, by as many claims as it takes. */
  async function takeAll(queue: WorkQueue) {
    const run = await take(queue);
    const messages = [...run.messages];
    for (;;) {
      const more = await settle(queue, run.lease, [], next({ solo: false }));
      if (more.messages.length === 0) return { ...run, messages };
      messages.push(...more.messages);
    }
  }

  describe.each(queueNames)('rows that cannot be read: %s', (name) => {
    test('Q15: a claim returns each without its content and with the reason, and the other messages as they are', async () => {
      const { queue } = await queueWithOddRows(name);
      const { messages } = await takeAll(queue);
      const odd = messages.filter(({ unreadable }) => unreadable !== undefined);
      expect(Object.fromEntries(odd.map((each) => [each.correlationId, each.unreadable]))).toEqual(reasons);
      for (const each of odd)
        expect(each).toMatchObject({ payload: '', headers: {}, attempt: expect.any(Number) });
      const good = messages.filter(({ unreadable }) => unreadable === undefined);
      expect(payloads(good).sort()).toEqual(['after', 'before']);
    });

    test('Q15: each is settled as Dead like any message, and can be looked at, replayed and discarded', async () => {
      const { queue } = await queueWithOddRows(name);
      const { lease, messages } = await takeAll(queue);
      const outcomes = messages.map((each) =>
        each.unreadable === undefined ? done(each) : dead(each, each.unreadable),
      );
      expect(await settle(queue, lease, outcomes)).toMatchObject({ unmatched: [] });
      const listed = await listDead(queue, {}, { limit: 100 });
      const still = oddRows.filter(([, { mends }]) => mends === undefined).map(([what]) => what);
      const odd = listed.filter(({ unreadable }) => unreadable !== undefined);
      expect(odd.map(({ correlationId }) => correlationId).sort()).toEqual([...still].sort());
      for (const each of odd) {
        expect(each.unreadable).toBe(each.lastError);
        expect(await stored(queue, each)).toMatchObject({ payload: '', unreadable: each.unreadable });
      }
      expect(Object.fromEntries(listed.map((each) => [each.correlationId, each.lastError]))).toEqual(reasons);
      expect(await replayDead(queue, {}, 100)).toBe(oddRows.length);
      const again = await takeAll(queue);
      expect(again.messages).toHaveLength(oddRows.length);
      for (const each of again.messages)
        if (each.unreadable !== undefined) expect(still).toContain(each.correlationId);
      await settle(
        queue,
        again.lease,
        again.messages.map((each) => dead(each)),
      );
      expect(await discardDead(queue, {}, 100)).toBe(oddRows.length);
      expect(await queue.statistics()).toMatchObject({ ready: 0, claimed: 0, dead: 0, done: 2 });
    });

    test('Q10, Q15: with an ordering key it blocks its group like any Dead message, and no other', async () => {
      const { queue, address } = await scene.queue(name);
      const row = { Topic: `'orders'`, Payload: `'{}'`, Headers: `'["a"]'`, OrderingKey: `'k'` };
      await scene.stage.insertRow(address, name, row);
      await queue.enqueue([message('behind', { orderingKey: 'k' }), message('other', { orderingKey: 'o' })]);
      const run = await takeAll(queue);
      const [odd, ...rest] = run.messages;
      expect(odd).toMatchObject({ orderingKey: 'k', unreadable: expect.stringMatching(/Headers/) });
      expect(payloads(rest).sort()).toEqual(['behind', 'other']);
      const outcomes = rest.map((each) => (each.payload === 'other' ? done(each) : giveBack(each)));
      await settle(queue, run.lease, [dead(odd!, 'unreadable'), ...outcomes]);
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
      expect(await discardDead(queue, {}, 10)).toBe(1);
      expect(payloads((await take(queue)).messages)).toEqual(['behind']);
    });

    test('Q15: counts at the greatest value of their columns stop no claim, no parking and no replay', async () => {
      const { queue, address } = await scene.queue(name);
      const greatest = { Attempts: '2147483647', Parks: '2147483647', ReplayCount: '2147483647' };
      await scene.stage.insertRow(address, name, { Topic: `'orders'`, Payload: `'odd'`, ...greatest });
      await queue.enqueue([message('other')]);
      const run = await take(queue);
      expect(payloads(run.messages).sort()).toEqual(['odd', 'other']);
      const parked = run.messages.map((each) => park(each));
      const again = await settle(queue, run.lease, parked, next());
      expect(again.unmatched).toEqual([]);
      await settle(
        queue,
        run.lease,
        again.messages.map((each) => dead(each)),
        release,
      );
      expect(await replayDead(queue, {}, 10)).toBe(2);
      expect((await take(queue)).messages.map(({ attempt }) => attempt)).toEqual([1, 1]);
    });

    test('Q4: the bytes of headers count towards the limit of a claim', async () => {
      const { queue } = await scene.queue(name);
      const headers = { note: 'x'.repeat(2_000) };
      await queue.enqueue(['A', 'B', 'C'].map((payload) => message(payload, { headers })));
      const bytes = scene.harness.storedBytes('A') + scene.harness.storedBytes(JSON.stringify(headers));
      const run = await take(queue, { maxBytes: 2 * bytes });
      expect(payloads(run.messages)).toEqual(['A', 'B']);
      const fewer = await settle(queue, run.lease, run.messages.map(done), next({ maxBytes: bytes }));
      expect(payloads(fewer.messages)).toEqual(['C']);
      const again = await queue.enqueue(['D', 'E'].map((payload) => message(payload, { headers })));
      expect(again).toHaveLength(2);
      const last = await settle(
        queue,
        run.lease,
        fewer.messages.map(done),
        next({ maxBytes: 2 * bytes - 1 }),
      );
      expect(payloads(last.messages)).toEqual(['D']);
    });
  });

  test('Q15: a payload of more than 64 MiB is never read; the messages around it are', async () => {
    const { queue, address } = await scene.queue('outbox');
    await queue.enqueue([message('before')]);
    const large = { Topic: `'orders'`, Payload: scene.harness.tooLargePayload };
    await scene.stage.insertRow(address, 'outbox', large);
    await queue.enqueue([message('after')]);
    const { lease, messages } = await takeAll(queue);
    expect(payloads(messages)).toEqual(['before', '', 'after']);
    const odd = messages[1]!;
    expect(odd.unreadable).toBe('Payload and Headers have more than 64 MiB together');
    await settle(queue, lease, [done(messages[0]!), dead(odd, odd.unreadable), done(messages[2]!)]);
    expect(await stored(queue, odd)).toMatchObject({ payload: '', unreadable: odd.unreadable });
    expect(await listDead(queue, {}, { limit: 1 })).toMatchObject([
      { payload: '', lastError: odd.unreadable },
    ]);
  });

  describe('rows of the registry that cannot be read', () => {
    test('Q15, D8: a plan reads the row with its tenant’s id and what is wrong, and the other tenants as they are', async () => {
      const { stage, registry } = await scene.registry();
      for (const id of ['a', 'b', 'c', 'd']) await add(registry, id, { tags: { tier: id } });
      await stage.spoilTenant('a', {
        LastCounts: `'[]'`,
        OutboxState: `'{"ready":1}'`,
        OutboxStateUtc: scene.harness.lastDayUtc,
        FailingTopics: `'[{"topic":"orders"}]'`,
      });
      await stage.spoilTenant('b', {
        Auth: `'[]'`,
        Tags: `'{"tier":7}'`,
        Overrides: `'{"batchSize":"many"}'`,
      });
      const plan = await duePlan(registry);
      const found = plan.candidates.map(({ tenant }) => [tenant.id, tenant.unreadable]);
      expect(Object.fromEntries(found)).toEqual({
        a: { definition: [], schedule: ['OutboxState', 'LastCounts', 'FailingTopics'] },
        b: { definition: ['Auth', 'Tags', 'Overrides'], schedule: [] },
        c: undefined,
        d: undefined,
      });
      expect((await commit(registry, plan)).sort()).toEqual(['a', 'b', 'c', 'd']);
      expect(ids(await registry.list())).toEqual(['a', 'b', 'c', 'd']);
      expect((await registry.changesSince(0)).tenants).toHaveLength(4);
      expect(await tenantOf(registry, 'a')).toMatchObject({
        tags: { tier: 'a' },
        schedule: { lastCounts: null, queues: {}, parkedTopics: [], failingTopics: [] },
      });
    });

    test('F6, Q15: the largest numbers of one tenant stop neither the fleet’s summary nor its plans', async () => {
      const { stage, registry } = await scene.registry();
      for (const id of ['a', 'b']) await add(registry, id);
      await stage.spoilTenant('a', {
        TotalDone: '9007199254740991',
        PlanVersion: '9007199254740991',
        OutboxState: `'{"ready":9007199254740991,"oldestDueAgeMs":9223372036854775807}'`,
        OutboxStateUtc: scene.harness.lastDayUtc,
      });
      const plan = await duePlan(registry);
      expect((await commit(registry, plan)).sort()).toEqual(['a', 'b']);
      for (const id of ['a', 'b']) await report(registry, id, { counts: { ...noCounts, done: 2 } });
      expect((await registry.fleet()).totals.done).toBe(Number.MAX_SAFE_INTEGER);
      expect((await tenantOf(registry, 'a')).schedule.totals.done).toBe(Number.MAX_SAFE_INTEGER);
      expect((await tenantOf(registry, 'b')).schedule.totals.done).toBe(2);
    });

    test('Q15: the next report and a new definition put the row right', async () => {
      const { stage, registry } = await scene.registry();
      const { unreadable: _, ...record } = await add(registry, 'a', { tags: { tier: 'gold' } });
      await stage.spoilTenant('a', {
        LastCounts: `'[]'`,
        OutboxState: `'{}'`,
        OutboxStateUtc: scene.harness.lastDayUtc,
        FailingTopics: `'{}'`,
        Tags: `'["gold"]'`,
      });
      await report(registry, 'a', { queues: { outbox: queueState() } });
      expect((await tenantOf(registry, 'a')).unreadable).toEqual({ definition: ['Tags'], schedule: [] });
      const { id, server, database, auth, schema, priority, weight, slaSeconds, tags, overrides } = record;
      await registry.change(
        { id, server, database, auth, schema, priority, weight, slaSeconds, tags, overrides },
        'database of a',
      );
      expect((await tenantOf(registry, 'a')).unreadable).toBeUndefined();
    });
  });
}
