/** D7, F5, F6, F7: the effects of a dispatch run's report, and the fleet's figures. */
import { randomUUID } from 'node:crypto';
import { emptyHistogram } from '../../src/engine/histogram.ts';
import type { RunCounts } from '../../src/engine/registry.ts';
import type { FailingTopic } from '../../src/engine/tenant-report.ts';
import { parkedOutbox, queueState } from '../support/queue-state.ts';
import { clockPasses } from './clock.ts';
import {
  add,
  beginPlan,
  definition,
  duePlan,
  failure,
  ids,
  noCounts,
  planAll,
  type ReportFields,
  report,
  tenantOf,
} from './registry-entry.ts';
import { anHour } from './run.ts';
import type { Scene } from './scene.ts';

const counts: RunCounts = { done: 10, retried: 2, dead: 1, released: 4, parked: 3, lost: 5, recovered: 6 };
const twice = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, 2 * count]));

const nothingInFleet = {
  ready: 0,
  due: 0,
  blocked: 0,
  dead: 0,
  parked: 0,
  atLeast: [],
  oldestDueAgeMs: null,
  oldestCountMs: null,
};

export function registryReportSuite(scene: Scene): void {
  describe('registry: report', () => {
    async function planned(id = 'a') {
      const { registry } = await scene.registry();
      await add(registry, id);
      await planAll(registry);
      return registry;
    }
    const dueInMs = async (registry: Awaited<ReturnType<typeof planned>>) => {
      const idle = await beginPlan(registry);
      if (idle.status !== 'idle') throw new Error(`expected an idle plan, got ${idle.status}`);
      return idle.nextDueInMs;
    };

    test('D7: a report is kept as the tenant’s last, and counted up', async () => {
      const registry = await planned();
      const error = { code: 'DATABASE_ERROR', message: 'a handler’s database said “nö” 😀' };
      await report(registry, 'a', {
        outcome: 'dispatched',
        counts,
        durationMs: 1_234,
        backlog: true,
        queues: parkedOutbox('Topic.One', 'töpic'),
        error,
        nextDueInMs: anHour,
        idleStreak: 3,
        failureStreak: 2,
      });
      const { schedule } = await tenantOf(registry, 'a');
      expect(schedule).toMatchObject({
        lastRunUtc: expect.any(Date),
        lastOutcome: 'dispatched',
        lastDurationMs: 1_234,
        lastCounts: counts,
        totals: counts,
        idleStreak: 3,
        failureStreak: 2,
        backlog: true,
        parkedTopics: ['Topic.One', 'töpic'],
        lastError: error.message,
        lastErrorCode: error.code,
        lastErrorUtc: expect.any(Date),
      });
      expect(schedule.nextDueUtc!.getTime() - schedule.lastRunUtc!.getTime()).toBe(anHour);
      await report(registry, 'a', { outcome: 'dispatched', counts });
      expect((await tenantOf(registry, 'a')).schedule).toMatchObject({
        lastCounts: counts,
        totals: twice,
        idleStreak: 0,
        failureStreak: 0,
        backlog: false,
        parkedTopics: ['Topic.One', 'töpic'],
        lastDurationMs: 5,
      });
    });

    describe('D7: a report that is sent again, because its answer was lost', () => {
      /** All that a report changes. */
      const effects = async (registry: Awaited<ReturnType<typeof planned>>) => ({
        schedule: (await tenantOf(registry, 'a')).schedule,
        hours: (await registry.tenantHistory('a', anHour)).map(({ runs, counts: of }) => ({ runs, of })),
        idle: await dueInMs(registry).then((ms) => ms !== null && ms > 0),
      });
      const run: ReportFields = {
        outcome: 'dispatched',
        counts,
        times: { wait: emptyHistogram, handle: emptyHistogram },
      };

      test.each<ReportFields>([run, { ...run, outcome: 'skipped' }])('counts once: $outcome', async (of) => {
        const registry = await planned();
        const reportId = randomUUID();
        const first = await report(registry, 'a', { ...of, reportId });
        const before = await effects(registry);
        await clockPasses(registry.leases);
        // Some callers write ids in capitals.
        const again = await report(registry, 'a', { ...of, reportId: reportId.toUpperCase(), idleStreak: 7 });
        expect(again).toEqual(first);
        expect(await effects(registry)).toEqual(before);
        await report(registry, 'a', { ...of, reportId: randomUUID() });
        if (of.outcome !== 'skipped') expect((await effects(registry)).schedule.totals).toEqual(twice);
      });

      test('counts once while 15 others have come since', async () => {
        const registry = await planned();
        const reportId = randomUUID();
        await report(registry, 'a', { ...run, reportId });
        for (let nth = 0; nth < 15; nth++) await report(registry, 'a', { reportId: randomUUID() });
        const before = await effects(registry);
        await report(registry, 'a', { ...run, reportId });
        expect(await effects(registry)).toEqual(before);
      });

      test.each<[string, ReportFields]>([
        ['of a run that left a backlog', { ...run, backlog: true }],
        ['of a run that another run has kept from the tenant', { ...run, outcome: 'skipped' }],
      ])('has chosen the tenant again: %s', async (_, of) => {
        const registry = await planned();
        await report(registry, 'a');
        const chosen = { ...of, reportId: randomUUID(), continues: { redispatchMs: anHour } };
        expect(await report(registry, 'a', chosen)).toMatchObject({ chosen: true });
        expect(await report(registry, 'a', chosen)).toMatchObject({ chosen: true });
        // A wake does not take the choice away, nor does the report of another run that was kept from the tenant.
        await registry.wake(['a']);
        expect(await report(registry, 'a', chosen)).toMatchObject({ chosen: true });
        await report(registry, 'a', { outcome: 'skipped', reportId: randomUUID() });
        expect(await report(registry, 'a', chosen)).toMatchObject({ chosen: true });
        // The run that followed has reported.
        await report(registry, 'a', { reportId: randomUUID() });
        expect(await report(registry, 'a', chosen)).toMatchObject({ chosen: false });
      });

      test('has not chosen a tenant that a wake has chosen since', async () => {
        const registry = await planned();
        const unchosen = { reportId: randomUUID(), continues: { redispatchMs: anHour } };
        expect(await report(registry, 'a', unchosen)).toMatchObject({ chosen: false, woken: false });
        const woken = await registry.wake(['a'], { capacity: 1, redispatchMs: anHour });
        expect(woken.chosen).toHaveLength(1);
        expect(await report(registry, 'a', unchosen)).toMatchObject({ chosen: false, woken: false });
        await registry.wake(['a']);
        expect(await report(registry, 'a', unchosen)).toMatchObject({ chosen: false, woken: true });
      });

      test('of a run that served a database which the tenant no longer has is ignored again', async () => {
        const registry = await planned();
        const { version: tenantVersion } = await tenantOf(registry, 'a');
        const moved = { ...run, tenantVersion, reportId: randomUUID() };
        await registry.change(definition('a', { database: 'other.db' }), 'another database');
        for (let nth = 0; nth < 2; nth++) {
          expect(await report(registry, 'a', moved)).toMatchObject({ moved: true, chosen: false });
        }
        expect((await tenantOf(registry, 'a')).schedule.totals).toEqual(noCounts);
      });

      test('has counted, although the tenant has got another database since', async () => {
        const registry = await planned();
        const { version: tenantVersion } = await tenantOf(registry, 'a');
        const counted = { ...run, tenantVersion, reportId: randomUUID() };
        await report(registry, 'a', counted);
        await registry.change(definition('a', { database: 'other.db' }), 'another database');
        expect(await report(registry, 'a', counted)).toMatchObject({ moved: false });
        expect((await tenantOf(registry, 'a')).schedule.totals).toEqual(counts);
      });

      test('is not the report of another tenant with the same id', async () => {
        const registry = await planned();
        await add(registry, 'b');
        const reportId = randomUUID();
        for (const id of ['a', 'b']) await report(registry, id, { ...run, reportId });
        expect((await tenantOf(registry, 'b')).schedule.totals).toEqual(counts);
      });
    });

    test('S2: the longest wait is that of the last run that started a message, as of its report', async () => {
      const registry = await planned();
      const waitOf = async () => {
        const { longestWaitMs, longestWaitUtc } = (await tenantOf(registry, 'a')).schedule;
        return { longestWaitMs, longestWaitUtc };
      };
      expect(await waitOf()).toEqual({ longestWaitMs: null, longestWaitUtc: null });
      await report(registry, 'a', { outcome: 'idle' });
      expect(await waitOf()).toEqual({ longestWaitMs: null, longestWaitUtc: null });
      await report(registry, 'a', { outcome: 'dispatched', counts, longestWaitMs: 90_000.25 });
      const { lastRunUtc } = (await tenantOf(registry, 'a')).schedule;
      const first = { longestWaitMs: 90_001, longestWaitUtc: lastRunUtc };
      expect(await waitOf()).toEqual(first);
      await clockPasses(registry.leases);
      // These have started no message.
      await report(registry, 'a', { outcome: 'idle', longestWaitMs: null });
      await report(registry, 'a', { outcome: 'failed', error: { code: 'DATABASE_LOCKED', message: 'x' } });
      await report(registry, 'a', { outcome: 'skipped', longestWaitMs: 5 });
      expect(await waitOf()).toEqual(first);
      await report(registry, 'a', { outcome: 'dispatched', counts, longestWaitMs: 0 });
      const after = await waitOf();
      expect(after.longestWaitMs).toBe(0);
      expect(after.longestWaitUtc!.getTime()).toBeGreaterThan(lastRunUtc!.getTime());
      await report(registry, 'a', { outcome: 'dispatched', counts, longestWaitMs: Number.MAX_VALUE });
      expect((await waitOf()).longestWaitMs).toBeGreaterThan(1_000_000_000_000);
      await registry.change(definition('a', { database: 'other.db' }), 'another database');
      expect(await waitOf()).toEqual({ longestWaitMs: null, longestWaitUtc: null });
    });

    test('D4: tenants with parked messages, by their last report, can be listed', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'c', 'd']) await add(registry, id);
      await planAll(registry);
      for (const id of ['a', 'c', 'd']) await report(registry, id, { queues: parkedOutbox('topic') });
      await registry.setStatus('d', 'paused');
      expect(ids(await registry.list({ parked: true }))).toEqual(['a', 'c', 'd']);
      expect(ids(await registry.list({ parked: true, status: 'active', after: 'a' }))).toEqual(['c']);
      expect(ids(await registry.list({ parked: true, limit: 1 }))).toEqual(['a']);
      await report(registry, 'a', { queues: parkedOutbox() });
      expect(ids(await registry.list({ parked: true, status: 'active' }))).toEqual(['c']);
    });

    const failingOf = async (registry: Awaited<ReturnType<typeof planned>>, id = 'a') =>
      (await tenantOf(registry, id)).schedule.failingTopics;

    test('S1: a topic fails since its first failure, with its last error, until it succeeds', async () => {
      const registry = await planned();
      expect(await failingOf(registry)).toEqual([]);
      await report(registry, 'a', {
        outcome: 'dispatched',
        failing: [
          failure('Örders', { failures: 2, sinceMs: 90_000, lastMs: 30_000, error: 'Error (“nö” 😀)' }),
        ],
      });
      const [first] = await failingOf(registry);
      const { lastRunUtc } = (await tenantOf(registry, 'a')).schedule;
      expect(first).toEqual({
        queue: 'outbox',
        topic: 'Örders',
        source: null,
        sinceUtc: new Date(lastRunUtc!.getTime() - 90_000),
        lastUtc: new Date(lastRunUtc!.getTime() - 30_000),
        failures: 2,
        messageId: '11111111-1111-1111-1111-111111111111',
        error: 'Error (“nö” 😀)',
      });
      // An idle run and a failed one say nothing about topics.
      await report(registry, 'a', { outcome: 'idle' });
      await report(registry, 'a', { outcome: 'failed', error: { code: 'DATABASE_LOCKED', message: 'x' } });
      expect(await failingOf(registry)).toEqual([first]);
      const messageId = '22222222-2222-2222-2222-222222222222';
      await report(registry, 'a', {
        outcome: 'dispatched',
        failing: [failure('örders', { failures: 3, error: 'TypeError', messageId })],
        succeeded: [{ queue: 'inbox', topic: 'örders', source: null }],
      });
      const [later] = await failingOf(registry);
      expect(later).toMatchObject({ sinceUtc: first!.sinceUtc, failures: 5, error: 'TypeError', messageId });
      expect(later!.lastUtc.getTime()).toBeGreaterThan(first!.lastUtc.getTime());
      await report(registry, 'a', {
        outcome: 'dispatched',
        succeeded: [{ queue: 'outbox', topic: 'ÖRDERS', source: null }],
      });
      expect(await failingOf(registry)).toEqual([]);
    });

    test('S1: a topic that succeeded and failed again within one run fails since then', async () => {
      const registry = await planned();
      await report(registry, 'a', { failing: [failure('orders', { sinceMs: anHour, failures: 9 })] });
      await report(registry, 'a', { failing: [failure('orders', { sinceMs: 1_000, isNew: true })] });
      const [{ sinceUtc, lastUtc, failures }] = (await failingOf(registry)) as [FailingTopic];
      expect({ forMs: lastUtc.getTime() - sinceUtc.getTime(), failures }).toEqual({
        forMs: 1_000,
        failures: 1,
      });
    });

    test('S1: a topic fails or works for each source by itself', async () => {
      const registry = await planned();
      const [bank, shop, own] = [{ source: 'bänk' }, { source: 'shop' }, { source: null }];
      await report(registry, 'a', { failing: [bank, shop, own].map((of) => failure('paid', of)) });
      const orders = { queue: 'outbox' as const, topic: 'PAID' };
      await report(registry, 'a', {
        succeeded: [{ ...orders, ...shop }],
        failing: [failure('Paid', bank)],
      });
      const kept = await failingOf(registry);
      expect(kept.map(({ source, failures }) => ({ source, failures }))).toEqual([
        { source: 'bänk', failures: 2 },
        { source: null, failures: 1 },
      ]);
      await report(registry, 'a', { succeeded: [{ ...orders, ...own }] });
      expect(await failingOf(registry)).toMatchObject([bank]);
    });

    test('S1: at most 20 failing topics are kept, those that failed last, each error in 300 characters', async () => {
      const registry = await planned();
      const many = Array.from({ length: 15 }, (_, index) =>
        failure(`topic ${index}`, { lastMs: 1_000 * index + 1, sinceMs: anHour, error: 'x'.repeat(4_000) }),
      );
      await report(registry, 'a', { failing: many });
      await report(registry, 'a', {
        failing: many.map((each) => ({ ...each, queue: 'inbox', lastMs: each.lastMs - 1 })),
      });
      const kept = await failingOf(registry);
      expect(kept).toHaveLength(20);
      expect(kept[0]).toMatchObject({ queue: 'inbox', topic: 'topic 0', error: 'x'.repeat(300) });
      expect(kept.map(({ topic }) => topic)).not.toContain('topic 14');
    });

    test('S1: the fleet counts the active tenants that have failing topics', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'c']) await add(registry, id);
      await planAll(registry);
      for (const id of ['a', 'b', 'c']) await report(registry, id, { failing: [failure('orders')] });
      await registry.setStatus('c', 'paused');
      await report(registry, 'b', { succeeded: [{ queue: 'outbox', topic: 'orders', source: null }] });
      expect(await registry.fleet()).toMatchObject({ withFailingTopics: 1, failing: 0 });
    });

    const asOf = ({ ageMs: _, ...state }: ReturnType<typeof queueState>, asOfUtc: unknown) => ({
      ...state,
      asOfUtc,
    });

    test('S2: what a run leaves in a queue is kept as of its report; a run that does not serve the queue changes nothing', async () => {
      const registry = await planned();
      expect((await tenantOf(registry, 'a')).schedule.queues).toEqual({});
      const outbox = queueState({
        ready: 10_000,
        due: 7,
        blocked: 3,
        dead: 2,
        parked: [{ topic: 'töpic', count: 4 }],
        atLeast: ['ready', 'blocked'],
        oldestDueAgeMs: 1_234,
        nextDueInMs: 0,
      });
      await report(registry, 'a', { queues: { outbox } });
      const first = (await tenantOf(registry, 'a')).schedule;
      expect(first.queues).toEqual({ outbox: asOf(outbox, expect.any(Date)) });
      expect(first.queues.outbox!.asOfUtc.getTime()).toBeLessThanOrEqual(first.lastRunUtc!.getTime());
      expect(first.parkedTopics).toEqual(['töpic']);
      await clockPasses(registry.leases);
      const inbox = queueState({ dead: 1, ready: 1, parked: [{ topic: 'töpic', count: 1 }], nextDueInMs: 5 });
      await report(registry, 'a', { queues: { inbox } });
      await report(registry, 'a', { outcome: 'failed', error: { code: 'DATABASE_LOCKED', message: 'x' } });
      await report(registry, 'a', { outcome: 'skipped' });
      const later = (await tenantOf(registry, 'a')).schedule;
      expect(later.queues).toEqual({
        outbox: first.queues.outbox,
        inbox: asOf(inbox, expect.any(Date)),
      });
      expect(later.queues.inbox!.asOfUtc.getTime()).toBeGreaterThan(first.lastRunUtc!.getTime());
      expect(later.parkedTopics).toEqual(['töpic']);
    });

    test('S2: a run that reports late changes nothing of a queue that another run has counted since', async () => {
      const registry = await planned();
      const minute = 60_000;
      const outbox = queueState({ dead: 1 });
      await report(registry, 'a', { queues: { outbox } });
      const { outbox: newer } = (await tenantOf(registry, 'a')).schedule.queues;
      // It counted the outbox a minute ago, and has served the inbox since.
      const inbox = queueState({ dead: 3, ageMs: minute / 2 });
      await report(registry, 'a', { queues: { outbox: queueState({ dead: 9, ageMs: minute }), inbox } });
      const { queues, lastRunUtc } = (await tenantOf(registry, 'a')).schedule;
      expect(queues.outbox).toEqual(newer);
      expect(queues.inbox).toMatchObject({ dead: 3 });
      expect(queues.inbox!.asOfUtc.getTime()).toBeLessThanOrEqual(lastRunUtc!.getTime() - minute / 2);
      await report(registry, 'a', { queues: { inbox: queueState({ dead: 4, ageMs: minute / 4 }) } });
      expect((await tenantOf(registry, 'a')).schedule.queues.inbox).toMatchObject({ dead: 4 });
    });

    test('S2, D1: a skipped run keeps the state of the queue that it did serve', async () => {
      const registry = await planned();
      await report(registry, 'a', { queues: { outbox: queueState({ dead: 1 }) } });
      const { lastOutcome } = (await tenantOf(registry, 'a')).schedule;
      const inbox = queueState({ dead: 2, parked: [{ topic: 'töpic', count: 1 }] });
      await report(registry, 'a', { outcome: 'skipped', queues: { inbox } });
      const old = queueState({ dead: 9, ageMs: 60_000 });
      await report(registry, 'a', { outcome: 'skipped', queues: { inbox: old } });
      expect((await tenantOf(registry, 'a')).schedule).toMatchObject({
        lastOutcome,
        parkedTopics: ['töpic'],
        queues: { outbox: { dead: 1 }, inbox: { dead: 2 } },
      });
    });

    test('S2: the fleet knows how many tenants have dead messages, and how many', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'c', 'd']) await add(registry, id);
      await planAll(registry);
      const dead = (count: number) => queueState({ dead: count });
      await report(registry, 'a', { queues: { outbox: dead(2), inbox: dead(3) } });
      await report(registry, 'b', { queues: { inbox: dead(4) }, nextDueInMs: 1_000 });
      await report(registry, 'c', { queues: { outbox: dead(5) } });
      await registry.setStatus('b', 'paused');
      await registry.setStatus('c', 'retired');
      expect(await registry.fleet()).toMatchObject({ withDead: 2, stored: { dead: 9 } });
      await report(registry, 'a', { queues: { outbox: dead(0) } });
      expect(await registry.fleet()).toMatchObject({ withDead: 2, stored: { dead: 7 } });
    });

    test('S2: the fleet’s sums say which numbers stand for more, how old they are, and how long the oldest message is due', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'c']) await add(registry, id);
      const [minute, topic] = [60_000, 'töpic "dead"'];
      const outbox = queueState({ ready: 5, due: 2, oldestDueAgeMs: minute, ageMs: minute });
      const parked = [topic, 'other'].map((each) => ({ topic: each, count: 2 }));
      const inbox = queueState({ ready: 4, blocked: 1, parked, ageMs: 2 * minute });
      await report(registry, 'a', { queues: { outbox, inbox } });
      const limited = queueState({ dead: 10_000, atLeast: ['dead'] });
      await report(registry, 'b', { queues: { inbox: limited } });
      await report(registry, 'c', {
        queues: { outbox: queueState({ ready: 9, atLeast: ['ready'], ageMs: anHour }) },
      });
      await registry.setStatus('c', 'retired');
      const { stored, withDead } = await registry.fleet();
      expect({ ...stored, withDead }).toEqual({
        ready: 9,
        due: 2,
        blocked: 1,
        dead: 10_000,
        parked: 4,
        atLeast: ['dead'],
        oldestDueAgeMs: expect.any(Number),
        oldestCountMs: expect.any(Number),
        withDead: 1,
      });
      expect(stored.oldestDueAgeMs).toBeGreaterThanOrEqual(2 * minute);
      expect(stored.oldestCountMs).toBeGreaterThanOrEqual(2 * minute);
      expect(stored.oldestCountMs).toBeLessThan(anHour);
    });

    test('F7, S1, S2: the report of a tenant that was woken meanwhile says so, and is kept whole', async () => {
      const registry = await planned();
      await registry.wake(['a']);
      const outbox = queueState({ ready: 1, dead: 2, nextDueInMs: 0 });
      const whole = { queues: { outbox }, failing: [failure('orders')] };
      expect(await report(registry, 'a', whole)).toMatchObject({ woken: true });
      expect((await tenantOf(registry, 'a')).schedule).toMatchObject({
        queues: { outbox: { dead: 2 } },
        failingTopics: [{ topic: 'orders', failures: 1 }],
      });
      expect(await planAll(registry)).toEqual(['a']);
      // The run is in flight no more after its report, so the wake chooses the tenant.
      expect(await report(registry, 'a', whole)).toMatchObject({ woken: false });
      const { chosen } = await registry.wake(['a'], { capacity: 1, redispatchMs: anHour });
      expect(chosen).toMatchObject([{ id: 'a', schedule: { failingTopics: [{ failures: 2 }] } }]);
    });

    test('S1: a skipped run reports no topics', async () => {
      const registry = await planned();
      await report(registry, 'a', { outcome: 'skipped', failing: [failure('orders')] });
      expect(await failingOf(registry)).toEqual([]);
    });

    test('S1, S2: in an empty queue no topic fails any more, for instance after its dead messages were discarded', async () => {
      const registry = await planned();
      const failing = [failure('orders'), failure('orders', { queue: 'inbox' as never })];
      await report(registry, 'a', { failing, queues: { outbox: queueState({ dead: 1 }) } });
      await report(registry, 'a', { queues: { outbox: queueState({ ready: 1 }) } });
      expect(await failingOf(registry)).toHaveLength(2);
      // None was counted, but the engine cannot know that there is none: another transaction may have locked it.
      await report(registry, 'a', { queues: { outbox: queueState({ isEmpty: false }) } });
      expect(await failingOf(registry)).toHaveLength(2);
      await report(registry, 'a', { queues: { outbox: queueState({ isEmpty: true }) } });
      expect(await failingOf(registry)).toMatchObject([{ queue: 'inbox' }]);
      // A skipped run has served the queue that another run did not hold.
      await report(registry, 'a', { outcome: 'skipped', queues: { inbox: queueState({ isEmpty: true }) } });
      expect(await failingOf(registry)).toEqual([]);
    });

    test('S1: a run that reports late neither ends nor hides a failure that was reported since', async () => {
      const registry = await planned();
      const later = { messageId: '22222222-2222-2222-2222-222222222222', error: 'later' };
      await report(registry, 'a', { failing: [failure('orders', { ...later, sinceMs: 2_000 })] });
      const outbox = queueState({ isEmpty: true, ageMs: 60_000 });
      await report(registry, 'a', {
        succeeded: [{ queue: 'outbox', topic: 'orders', source: null }],
        queues: { outbox },
      });
      expect(await failingOf(registry)).toMatchObject([later]);
      await report(registry, 'a', {
        failing: [failure('orders', { failures: 3, sinceMs: 90_000, lastMs: 60_000, error: 'earlier' })],
      });
      const [{ sinceUtc, lastUtc, ...merged }] = (await failingOf(registry)) as [FailingTopic];
      expect(merged).toMatchObject({ failures: 4, ...later });
      expect(lastUtc.getTime() - sinceUtc.getTime()).toBeGreaterThan(80_000);
      await report(registry, 'a', { succeeded: [{ queue: 'outbox', topic: 'orders', source: null }] });
      expect(await failingOf(registry)).toEqual([]);
    });

    test('S1, S2: a failure that is reported late is over if its queue was counted as empty since', async () => {
      const registry = await planned();
      await report(registry, 'a', { queues: { outbox: queueState({ isEmpty: true }) } });
      const lastMs = 60_000;
      const failing = [failure('orders', { sinceMs: lastMs, lastMs }), failure('new')];
      await clockPasses(registry.leases);
      await report(registry, 'a', { failing });
      expect(await failingOf(registry)).toMatchObject([{ topic: 'new' }]);
    });

    test('D7: a report that lacks a count is not lost; the count is 0', async () => {
      const registry = await planned();
      const partial = { done: 3, retried: null } as unknown as RunCounts;
      await report(registry, 'a', { outcome: 'dispatched', counts: partial, backlog: true });
      const expected = { ...noCounts, done: 3 };
      expect((await tenantOf(registry, 'a')).schedule).toMatchObject({
        lastOutcome: 'dispatched',
        lastCounts: expected,
        totals: expected,
        backlog: true,
      });
    });

    test.each(['dispatched', 'idle'] as const)(
      'D7, S1: the error of a run is kept until a later run without one, here a run that is %s',
      async (outcome) => {
        const registry = await planned();
        const error = { code: 'DATABASE_UNREACHABLE', message: 'the server does not answer' };
        const known = async () => {
          const { lastError, lastErrorCode, lastErrorUtc } = (await tenantOf(registry, 'a')).schedule;
          return { lastError, lastErrorCode, lastErrorUtc };
        };
        await report(registry, 'a', { outcome: 'failed', error, failureStreak: 1 });
        await report(registry, 'a', { outcome: 'skipped' });
        expect(await known()).toEqual({
          lastError: error.message,
          lastErrorCode: error.code,
          lastErrorUtc: expect.any(Date),
        });
        await report(registry, 'a', { outcome });
        expect(await known()).toEqual({ lastError: null, lastErrorCode: null, lastErrorUtc: null });
      },
    );

    test.each(['dispatched', 'idle', 'resuming', 'failed'] as const)(
      'D7: the outcome %s is kept',
      async (outcome) => {
        const registry = await planned();
        await report(registry, 'a', { outcome });
        expect((await tenantOf(registry, 'a')).schedule).toMatchObject({ lastOutcome: outcome });
      },
    );

    test('D1: a skipped run brings the due time forward, and leaves the report of the last run as it is', async () => {
      const registry = await planned();
      await report(registry, 'a', { outcome: 'dispatched', backlog: true, nextDueInMs: 0 });
      await planAll(registry);
      const before = (await tenantOf(registry, 'a')).schedule;
      await report(registry, 'a', {
        outcome: 'skipped',
        nextDueInMs: anHour / 2,
        mode: 'at-most',
        idleStreak: 7,
        failureStreak: 7,
      });
      expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour / 2);
      const { nextDueUtc, ...after } = (await tenantOf(registry, 'a')).schedule;
      expect({ ...after, nextDueUtc: before.nextDueUtc }).toEqual(before);
    });

    test('F5: set replaces the due time, earlier or later', async () => {
      const registry = await planned();
      await report(registry, 'a', { nextDueInMs: 10 * anHour });
      expect(await dueInMs(registry)).toBeGreaterThan(9 * anHour);
      await report(registry, 'a', { nextDueInMs: anHour });
      expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour);
      await report(registry, 'a', { nextDueInMs: 2 * anHour });
      expect(await dueInMs(registry)).toBeGreaterThan(anHour);
      await report(registry, 'a', { nextDueInMs: 0, backlog: true });
      expect(ids((await duePlan(registry)).candidates)).toEqual(['a']);
    });

    test.each(['outbox', 'inbox'] as const)(
      'F5, Q11: a run that reports late, and whose %s another run has counted since, does not delay the tenant',
      async (queue) => {
        const registry = await planned();
        const other = queue === 'outbox' ? 'inbox' : 'outbox';
        await report(registry, 'a', { queues: { [queue]: queueState() }, nextDueInMs: anHour });
        // Its other queue kept this run busy, so it does not know the message that is due in an hour.
        const queues = { [queue]: queueState({ ageMs: anHour }), [other]: queueState() };
        await report(registry, 'a', { queues, nextDueInMs: 10 * anHour });
        expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour);
        await report(registry, 'a', { queues, nextDueInMs: anHour / 2 });
        expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour / 2);
        await clockPasses(registry.leases);
        await report(registry, 'a', { queues: { [queue]: queueState() }, nextDueInMs: 10 * anHour });
        expect(await dueInMs(registry)).toBeGreaterThan(9 * anHour);
      },
    );

    test('F5: at-most only brings the due time forward', async () => {
      const registry = await planned();
      const mode = 'at-most' as const;
      await report(registry, 'a', { nextDueInMs: anHour });
      await report(registry, 'a', { nextDueInMs: 2 * anHour, mode });
      expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour);
      await report(registry, 'a', { nextDueInMs: null, mode });
      expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour);
      await report(registry, 'a', { nextDueInMs: anHour / 2, mode });
      expect(await dueInMs(registry)).toBeLessThanOrEqual(anHour / 2);
      await report(registry, 'a', { nextDueInMs: null });
      await report(registry, 'a', { nextDueInMs: null, mode });
      expect(await dueInMs(registry)).toBeNull();
      await report(registry, 'a', { nextDueInMs: anHour, mode });
      expect(await dueInMs(registry)).toBeGreaterThan(0);
    });

    test('F6: without a due time a tenant is due only when woken', async () => {
      const registry = await planned();
      await report(registry, 'a', { nextDueInMs: null });
      expect((await tenantOf(registry, 'a')).schedule.nextDueUtc).toBeNull();
      expect(await dueInMs(registry)).toBeNull();
      expect(await registry.wake(['a'])).toMatchObject({ tenantIds: ['a'], chosen: [], due: ['a'] });
      expect(ids((await duePlan(registry)).candidates)).toEqual(['a']);
    });

    test('F6: the next due time is the earliest of all active tenants', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'never', 'paused']) await add(registry, id);
      await planAll(registry);
      await report(registry, 'a', { nextDueInMs: 3 * anHour });
      await report(registry, 'b', { nextDueInMs: 2 * anHour });
      await report(registry, 'never', { nextDueInMs: null });
      await report(registry, 'paused', { nextDueInMs: anHour / 2 });
      await registry.setStatus('paused', 'paused');
      const next = await dueInMs(registry);
      expect(next).toBeGreaterThan(anHour);
      expect(next).toBeLessThanOrEqual(2 * anHour);
    });

    test.each([
      ['a due time far off', { nextDueInMs: anHour }],
      ['no due time', { nextDueInMs: null }],
      ['an at-most', { nextDueInMs: anHour, mode: 'at-most' as const }],
    ])('F7: a wake that came after the plan outlives a report with %s', async (_, fields) => {
      const registry = await planned();
      await clockPasses(registry.leases);
      expect(await registry.wake(['a'])).toMatchObject({ tenantIds: ['a'], chosen: [], due: [] });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
      expect(await report(registry, 'a', fields)).toMatchObject({ woken: true });
      const plan = await duePlan(registry);
      expect(plan.candidates).toMatchObject([{ tenant: { id: 'a' }, woken: true }]);
      // The plan that the wake caused uses the wake up.
      await registry.commitPlan({
        lease: plan.lease,
        choices: [{ tenantId: 'a', planVersion: plan.candidates[0]!.planVersion }],
        redispatchMs: anHour,
      });
      expect(await report(registry, 'a', { nextDueInMs: null })).toMatchObject({ woken: false });
      expect(await dueInMs(registry)).toBeNull();
    });

    test('F7: a wake that came before the plan does not', async () => {
      const { registry } = await scene.registry();
      await add(registry, 'a');
      await registry.wake(['a']);
      await planAll(registry);
      await report(registry, 'a', { nextDueInMs: null });
      expect(await dueInMs(registry)).toBeNull();
    });

    test('a report on an unknown or retired tenant is ignored and does not bring the tenant back', async () => {
      const registry = await planned();
      await registry.setStatus('a', 'retired');
      for (const id of ['a', 'nobody']) {
        await expect(report(registry, id, { nextDueInMs: 0 })).resolves.toMatchObject({ woken: false });
      }
      await expect(registry.get('nobody')).resolves.toBeNull();
      expect(await registry.get('a')).toMatchObject({ status: 'retired' });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle', nextDueInMs: null });
    });

    test('a report on a paused tenant is kept, and does not make it due', async () => {
      const registry = await planned();
      await registry.setStatus('a', 'paused');
      await report(registry, 'a', { outcome: 'dispatched', counts, nextDueInMs: 0 });
      expect((await tenantOf(registry, 'a')).schedule).toMatchObject({
        lastOutcome: 'dispatched',
        totals: counts,
      });
      expect(await beginPlan(registry)).toMatchObject({ status: 'idle' });
    });

    test('Q2: a report’s reader and its writer may be different hosts', async () => {
      const { stage, registry } = await scene.registry();
      await add(registry, 'a');
      await report(scene.anotherHost(stage).openRegistry(), 'a', { counts });
      expect((await tenantOf(registry, 'a')).schedule.totals).toEqual(counts);
    });
  });

  describe('registry: fleet', () => {
    test('F6: an empty fleet', async () => {
      const { registry } = await scene.registry();
      expect(await registry.fleet()).toEqual({
        tenants: { active: 0, paused: 0, retired: 0 },
        due: 0,
        oldestDueMs: null,
        withBacklog: 0,
        withFailingTopics: 0,
        withDead: 0,
        stored: nothingInFleet,
        longestWaitMs: null,
        longestWaitAgeMs: null,
        failing: 0,
        failingByStreak: { '1': 0, '2-4': 0, '5-9': 0, '10+': 0 },
        longestFailureStreak: 0,
        lastPlan: null,
        totals: noCounts,
        poisoned: { total: 0, lastUtc: null },
      });
    });

    test('F6: the fleet is summed up from the last reports', async () => {
      const { registry } = await scene.registry();
      for (const id of ['due', 'backlog', 'failing', 'idle', 'paused', 'retired']) await add(registry, id);
      await planAll(registry);
      await report(registry, 'due', { nextDueInMs: 0 });
      await report(registry, 'backlog', { outcome: 'dispatched', counts, backlog: true });
      await report(registry, 'failing', {
        outcome: 'failed',
        counts,
        failureStreak: 3,
        error: { code: 'DATABASE_UNREACHABLE', message: 'the server does not answer' },
      });
      await report(registry, 'idle', { nextDueInMs: null, idleStreak: 9 });
      await report(registry, 'paused', { nextDueInMs: 0 });
      await registry.setStatus('paused', 'paused');
      await registry.setStatus('retired', 'retired');
      expect(await registry.fleet()).toEqual({
        tenants: { active: 4, paused: 1, retired: 1 },
        due: 1,
        oldestDueMs: expect.any(Number),
        withBacklog: 1,
        withFailingTopics: 0,
        withDead: 0,
        stored: nothingInFleet,
        longestWaitMs: null,
        longestWaitAgeMs: null,
        failing: 1,
        failingByStreak: { '1': 0, '2-4': 1, '5-9': 0, '10+': 0 },
        longestFailureStreak: 3,
        lastPlan: { utc: expect.any(Date), ageMs: expect.any(Number), due: 6, chosen: 6 },
        totals: twice,
        poisoned: { total: 0, lastUtc: null },
      });
    });

    test('S2: the fleet’s longest wait is that of its tenants in the last day, retired ones left out, as of its report', async () => {
      const { registry, stage } = await scene.registry();
      for (const id of ['short', 'long', 'retired', 'none']) await add(registry, id);
      const wait = async (id: string, longestWaitMs: number) => {
        await report(registry, id, { outcome: 'dispatched', counts, longestWaitMs });
        await clockPasses(registry.leases);
      };
      await wait('long', 70_000);
      await planAll(registry);
      await clockPasses(registry.leases);
      await wait('short', 50);
      await wait('retired', 80_000);
      await report(registry, 'none');
      await registry.setStatus('retired', 'retired');
      const fleet = await registry.fleet();
      expect(fleet.longestWaitMs).toBe(70_000);
      expect(fleet.longestWaitAgeMs).toBeGreaterThan(fleet.lastPlan!.ageMs);
      // Of two that are as long, the later one counts.
      await wait('short', 70_000);
      const last = await registry.fleet();
      expect(last.longestWaitMs).toBe(70_000);
      expect(last.longestWaitAgeMs).toBeLessThan(last.lastPlan!.ageMs);
      await stage.setClockBack('registry', -86_500_000);
      await wait('long', 3);
      expect((await registry.fleet()).longestWaitMs).toBe(3);
      await wait('short', 4);
      expect((await registry.fleet()).longestWaitMs).toBe(4);
    });

    test('F6: failing tenants by streak, active ones only, and the longest streak', async () => {
      const { registry } = await scene.registry();
      const streaks = [0, 1, 2, 4, 5, 9, 10, 17];
      for (const failureStreak of streaks) {
        await add(registry, `s${failureStreak}`);
        await report(registry, `s${failureStreak}`, { outcome: 'failed', failureStreak });
      }
      expect(await registry.fleet()).toMatchObject({
        failing: 7,
        failingByStreak: { '1': 1, '2-4': 2, '5-9': 2, '10+': 2 },
        longestFailureStreak: 17,
      });
      await registry.setStatus('s17', 'paused');
      await registry.setStatus('s1', 'retired');
      expect(await registry.fleet()).toMatchObject({
        failing: 5,
        failingByStreak: { '1': 0, '2-4': 2, '5-9': 2, '10+': 1 },
        longestFailureStreak: 10,
      });
    });

    test('F6: the age of the tenant that became due first, and of the last plan', async () => {
      const { registry } = await scene.registry();
      for (const id of ['first', 'second', 'paused']) await add(registry, id);
      await planAll(registry);
      await report(registry, 'paused', { nextDueInMs: 0 });
      await registry.setStatus('paused', 'paused');
      expect(await registry.fleet()).toMatchObject({ due: 0, oldestDueMs: null });
      await report(registry, 'first', { nextDueInMs: 0 });
      await clockPasses(registry.leases);
      await report(registry, 'second', { nextDueInMs: 0 });
      const before = await registry.fleet();
      expect(before.due).toBe(2);
      expect(before.oldestDueMs).toBeGreaterThan(0);
      expect(before.lastPlan!.ageMs).toBeGreaterThanOrEqual(before.oldestDueMs!);
      await clockPasses(registry.leases);
      const after = await registry.fleet();
      expect(after.oldestDueMs).toBeGreaterThan(before.oldestDueMs!);
      expect(after.lastPlan!.ageMs).toBeGreaterThan(before.lastPlan!.ageMs);
    });

    test('F6: queue messages that were given up are counted, with the time of the last one', async () => {
      const { registry } = await scene.registry();
      await registry.recordPoisoned();
      const first = (await registry.fleet()).poisoned;
      expect(first).toEqual({ total: 1, lastUtc: expect.any(Date) });
      await clockPasses(registry.leases);
      await registry.recordPoisoned();
      const second = (await registry.fleet()).poisoned;
      expect(second.total).toBe(2);
      expect(second.lastUtc!.getTime()).toBeGreaterThan(first.lastUtc!.getTime());
    });

    test('F6: a queue message that was given up is counted once, also if 15 others come before it is recorded again', async () => {
      const { registry } = await scene.registry();
      const messageIds = Array.from({ length: 16 }, () => randomUUID());
      for (const messageId of messageIds) await registry.recordPoisoned(messageId);
      const { poisoned } = await registry.fleet();
      expect(poisoned.total).toBe(16);
      await clockPasses(registry.leases);
      for (const messageId of messageIds) await registry.recordPoisoned(messageId.toUpperCase());
      expect((await registry.fleet()).poisoned).toEqual(poisoned);
      await registry.recordPoisoned(randomUUID());
      expect((await registry.fleet()).poisoned.total).toBe(17);
    });

    test('F3, F6: the last plan records what it found and what it chose', async () => {
      const { registry } = await scene.registry();
      for (const id of ['a', 'b', 'c']) await add(registry, id);
      const plan = await duePlan(registry);
      const choices = plan.candidates.slice(0, 2).map(({ tenant, planVersion }) => ({
        tenantId: tenant.id,
        planVersion,
      }));
      await registry.commitPlan({ lease: plan.lease, choices, redispatchMs: anHour });
      expect((await registry.fleet()).lastPlan).toMatchObject({ due: 3, chosen: 2 });
      await planAll(registry);
      expect((await registry.fleet()).lastPlan).toMatchObject({ due: 1, chosen: 1 });
      await beginPlan(registry);
      expect((await registry.fleet()).lastPlan).toMatchObject({ due: 0, chosen: 0 });
    });
  });
}
