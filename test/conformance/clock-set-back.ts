/** Q16: after the database's clock was set back, nothing waits longer than its delay, its lease or its schedule. */

import type { AcquireLease } from '../../src/engine/lease-store.ts';
import { queueLeaseName, queueNames } from '../../src/engine/work-queue.ts';
import { countDead, discardDead, listDead, replayDead } from '../support/dead-letters.ts';
import { databaseNow } from './clock.ts';
import { add, beginPlan, commit, duePlan, ids, planAll, report, tenantOf } from './registry-entry.ts';
import {
  anHour,
  begin,
  dead,
  done,
  enqueueDead,
  giveBack,
  keep,
  line,
  message,
  next,
  park,
  payloads,
  retry,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene, SceneQueue } from './scene.ts';
import { until } from './until.ts';

const aMinute = 60_000;
const aDay = 24 * anHour;

export function clockSetBackSuite(scene: Scene): void {
  const setBack = ({ address }: { address: SceneQueue['address'] }) =>
    scene.stage.setClockBack(address, anHour);
  /** Milliseconds until a stored message is due, by the database's clock. */
  async function dueInMs({ queue, database }: SceneQueue, letter: { messageId: string }): Promise<number> {
    const { dueUtc } = await stored(queue, letter);
    return dueUtc.getTime() - (await databaseNow(database.leases)).getTime();
  }

  describe.each(queueNames)('the clock was set back by an hour: %s', (name) => {
    test('Q16: messages that were due are claimed at once', async () => {
      const place = await scene.queue(name);
      await place.queue.enqueue([message('A'), message('B')]);
      await setBack(place);
      expect(payloads((await take(place.queue)).messages)).toEqual(['A', 'B']);
    });

    test('Q16: a run under way finds the messages that were due', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1 });
      await setBack(place);
      const settled = await settle(queue, run.lease, run.messages.map(done), keep);
      expect(settled).toMatchObject({ lease: 'renewed', unmatched: [], more: true, nextDueInMs: 0 });
      expect(payloads((await settle(queue, run.lease, [], next())).messages)).toEqual(['B']);
    });

    test('Q16: an honest delay in front hides no message that waits longer than its own', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('A')]);
      await scene.stage.setClockBack(place.address, 2 * anHour);
      const honest = message('honest', { dueInMs: anHour });
      await queue.enqueue([honest]);
      const { dueUtc } = await stored(queue, honest);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual(['A']);
      await settle(queue, run.lease, run.messages.map(done));
      expect((await stored(queue, honest)).dueUtc).toEqual(dueUtc);
    });

    test('Q16: a run under way finds messages behind an honest delay', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1 });
      await scene.stage.setClockBack(place.address, 2 * anHour);
      await queue.enqueue([message('honest', { dueInMs: anHour })]);
      const settled = await settle(queue, run.lease, run.messages.map(done), keep);
      expect(settled).toMatchObject({ lease: 'renewed', unmatched: [], more: true, nextDueInMs: 0 });
      expect(payloads((await settle(queue, run.lease, [], next())).messages)).toEqual(['B']);
    });

    test('Q16: a delayed message is due after its delay, however long', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const [soon, late] = [message('soon', { dueInMs: aMinute }), message('late', { dueInMs: 400 * aDay })];
      await queue.enqueue([soon, late]);
      await setBack(place);
      const idle = await begin(queue);
      expect(idle).toMatchObject({ status: 'idle', more: false });
      if (idle.status !== 'idle') throw new Error('unreachable');
      expect(idle.nextDueInMs).toBeGreaterThan(0);
      expect(idle.nextDueInMs).toBeLessThanOrEqual(aMinute);
      for (const [letter, delayMs] of [
        [soon, aMinute],
        [late, 400 * aDay],
      ] as const) {
        const left = await dueInMs(place, letter);
        expect(left).toBeGreaterThan(delayMs - aMinute);
        expect(left).toBeLessThanOrEqual(delayMs);
      }
    });

    test('Q16: a delay that began before the clock was wrong stays as it is', async () => {
      const place = await scene.queue(name);
      const letter = message('A', { dueInMs: 2 * anHour });
      await place.queue.enqueue([letter]);
      await begin(place.queue);
      const { dueUtc } = await stored(place.queue, letter);
      await place.queue.enqueue([message('B', { dueInMs: 3 * anHour })]);
      await begin(place.queue);
      expect((await stored(place.queue, letter)).dueUtc).toEqual(dueUtc);
    });

    test.each([
      ['retried', retry],
      ['released', giveBack],
      ['parked', park],
    ] as const)('Q16: a message that was %s is due after its delay', async (_, outcome) => {
      const place = await scene.queue(name);
      const { queue } = place;
      const letter = message('A');
      // Stored before the clock was wrong.
      await queue.enqueue([letter]);
      await scene.stage.setClockBack(place.address, -2 * anHour);
      const run = await take(queue);
      await settle(queue, run.lease, [outcome(run.messages[0]!, aMinute)]);
      await setBack(place);
      const idle = await begin(queue);
      expect(idle).toMatchObject({ status: 'idle' });
      expect(await dueInMs(place, letter)).toBeLessThanOrEqual(aMinute);
      expect(await dueInMs(place, letter)).toBeGreaterThan(0);
    });

    test('Q16: a message that plain SQL made due in the year 9999 stops no run', async () => {
      const place = await scene.queue(name);
      const { queue, address } = place;
      const far = message('far');
      await scene.stage.insertRow(address, name, {
        MessageId: `'${far.messageId}'`,
        Topic: `'orders'`,
        Payload: `'far'`,
        DueUtc: scene.harness.lastDayUtc,
      });
      await queue.enqueue([message('A')]);
      await setBack(place);
      const lastDay = Date.UTC(9999, 11, 31);
      expect((await stored(queue, far)).dueUtc.getTime()).toBe(lastDay + anHour);
      expect(payloads((await take(queue)).messages)).toEqual(['A']);
      const { dueUtc } = await stored(queue, far);
      expect(dueUtc.getTime()).toBeGreaterThanOrEqual(lastDay);
      expect(dueUtc.getTime()).toBeLessThan(lastDay + anHour);
    });

    test('Q16: a replayed message is claimed at once', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await enqueueDead(queue, message('A'));
      await scene.stage.setClockBack(place.address, -2 * anHour);
      expect(await replayDead(queue, {}, 10)).toBe(1);
      await setBack(place);
      expect(payloads((await take(queue)).messages)).toEqual(['A']);
    });

    test('Q13, Q16: Dead messages are counted, listed, replayed and discarded', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { messageId } = await enqueueDead(queue, message('A'));
      await enqueueDead(queue, message('B'));
      await setBack(place);
      expect(await countDead(queue, {})).toBe(2);
      expect(payloads(await listDead(queue, {}, { limit: 10 }))).toEqual(['A', 'B']);
      expect(await replayDead(queue, { messageIds: [messageId] }, 10)).toBe(1);
      expect(await discardDead(queue, {}, 10)).toBe(1);
      expect(await countDead(queue, {})).toBe(0);
    });

    test('Q10, Q16: an ordering group goes on, in order', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue(line('K', 'A', 'B', 'C'));
      const run = await take(queue, { limit: 1 });
      await settle(queue, run.lease, [retry(run.messages[0]!)]);
      await setBack(place);
      const seen: string[] = [];
      while (seen.length < 3) {
        const { lease, messages } = await take(queue, { limit: 1 });
        seen.push(...payloads(messages));
        await settle(queue, lease, messages.map(done));
      }
      expect(seen).toEqual(['A', 'B', 'C']);
    });

    test('Q16: of more messages than one call corrects, none is left behind', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const many = 2_500;
      await queue.enqueue(Array.from({ length: many }, (_, index) => message(String(index))));
      await setBack(place);
      let claimed = 0;
      while (claimed < many) {
        const run = await begin(queue);
        if (run.status !== 'claimed') {
          expect(run).toMatchObject({ status: 'idle', nextDueInMs: 0 });
          continue;
        }
        claimed += run.messages.length;
        const settled = await settle(queue, run.lease, run.messages.map(done));
        if (claimed < many) expect(settled).toMatchObject({ more: true, nextDueInMs: 0 });
      }
      expect(await queue.statistics()).toMatchObject({ done: many, ready: 0 });
    });

    test('Q6, Q16: the run of a dead host is taken over when its lease has run out', async () => {
      const place = await scene.queue(name);
      const { queue, database } = place;
      await queue.enqueue([message('A')]);
      await take(queue, { owner: 'dead host', durationMs: 400 });
      await setBack(place);
      const refused = await begin(queue, { owner: 'host-2' });
      expect(refused).toMatchObject({ status: 'leased-elsewhere', owner: 'dead host' });
      if (refused.status !== 'leased-elsewhere') throw new Error('unreachable');
      expect(refused.expiresInMs).toBeLessThanOrEqual(400);
      const lease = { name: queueLeaseName(name), owner: 'host-2' };
      await until('the lease has run out', async () =>
        (await database.leases.list()).some((each) => each.name === lease.name && !each.held),
      );
      const over = await takeAfterCrash(queue, { owner: 'host-2' });
      expect(over).toMatchObject({ recovered: 1, messages: [{ payload: 'A' }] });
      await settle(
        queue,
        over.lease,
        over.messages.map((each) => dead(each)),
      );
    });
  });

  describe('the clock was set back by an hour', () => {
    test('L2, Q16: a lease lasts no longer than its duration; its owner can still renew it', async () => {
      const { address, database } = await scene.tenant();
      const { leases } = database;
      const request: AcquireLease = { name: 'job', owner: 'host-1', durationMs: aMinute };
      const held = await leases.acquire(request);
      if (held.status !== 'acquired') throw new Error('expected the lease');
      await setBack({ address });
      const refused = await leases.acquire({ ...request, owner: 'host-2' });
      expect(refused).toMatchObject({ status: 'leased-elsewhere', owner: 'host-1' });
      expect(refused.expiresInMs).toBeGreaterThan(0);
      expect(refused.expiresInMs).toBeLessThanOrEqual(aMinute);
      const again = await leases.acquire({ ...request, owner: 'host-2' });
      expect(again.expiresInMs).toBeLessThanOrEqual(refused.expiresInMs);
      const { fence, acquisitionId } = held;
      expect(await leases.renew({ ...request, fence, acquisitionId }, aMinute)).toMatchObject({
        status: 'renewed',
      });
    });

    test('F3, Q16: tenants are due as planned, and a woken one at once', async () => {
      const { stage, registry } = await scene.registry();
      for (const id of ['idle', 'asleep', 'woken']) await add(registry, id);
      await planAll(registry);
      await report(registry, 'idle', { nextDueInMs: aMinute });
      await report(registry, 'asleep', { nextDueInMs: null });
      await report(registry, 'woken', { nextDueInMs: aDay });
      const quiet = await registry.beginPlan({ owner: 'host-1', leaseMs: aMinute, limit: 10 });
      expect(quiet).toMatchObject({ status: 'idle' });
      await registry.wake(['woken']);
      await stage.setClockBack('registry', anHour);
      const found: string[] = [];
      await until('a plan finds the woken tenant', async () => {
        const plan = await registry.beginPlan({ owner: 'host-1', leaseMs: aMinute, limit: 10 });
        if (plan.status !== 'due') return false;
        found.push(...ids(plan.candidates));
        await registry.commitPlan({ lease: plan.lease, choices: [], redispatchMs: aMinute });
        return true;
      });
      expect(found).toEqual(['woken']);
      const now = await databaseNow(registry.leases);
      const { schedule } = await tenantOf(registry, 'idle');
      expect(schedule.nextDueUtc!.getTime()).toBeLessThanOrEqual(now.getTime() + aMinute);
      expect(schedule.lastPlannedUtc!.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(schedule.lastRunUtc!.getTime()).toBeLessThanOrEqual(now.getTime());
      expect((await tenantOf(registry, 'asleep')).schedule.nextDueUtc).toBeNull();
    });

    test.each(['plan', 'wake'] as const)(
      'F7, Q16: a tenant that a %s chose before is in flight no more, so that a wake can choose it',
      async (by) => {
        const { stage, registry } = await scene.registry();
        await add(registry, 'a');
        const one = { capacity: 1, redispatchMs: aMinute };
        if (by === 'wake') await registry.wake(['a'], one);
        else await planAll(registry);
        await stage.setClockBack('registry', anHour);
        // Without a capacity the tenant is due.
        expect(await registry.wake(['a'])).toMatchObject({ chosen: [], due: ['a'] });
        expect(ids((await registry.wake(['a'], one)).chosen)).toEqual(['a']);
        // This choice is by the clock that is right.
        expect(await registry.wake(['a'], one)).toMatchObject({ chosen: [], due: [] });
      },
    );

    /** More tenants than one plan makes due times earlier for, all due in an hour when the clock is set back. */
    async function veryMany() {
      const { stage, registry } = await scene.registry();
      for (const id of ['first', 'late', 'woken']) await add(registry, id);
      await planAll(registry);
      for (const id of ['late', 'woken']) await report(registry, id, { nextDueInMs: anHour });
      await stage.copyTenant('late', 4_003);
      await beginPlan(registry);
      await stage.setClockBack('registry', anHour);
      // By the order of their ids, a plan reaches 4,000 tenants with 'late-3998'.
      const sample = ['first', 'late', 'late-0001', 'late-3998', 'late-3999', 'late-4003'];
      /** Those that would be due later than planned. */
      const tooLate = async () => {
        const latest = (await databaseNow(registry.leases)).getTime() + anHour;
        const tenants = await Promise.all(sample.map((id) => tenantOf(registry, id)));
        return ids(tenants.filter(({ schedule }) => schedule.nextDueUtc!.getTime() > latest));
      };
      return { stage, registry, sample, tooLate };
    }

    test('F3, Q16: a plan corrects the times of a limited number of tenants, and the next plans those of the others', async () => {
      const { registry, sample, tooLate } = await veryMany();
      expect(await tooLate()).toEqual(sample);
      await registry.wake(['woken']);
      // A run by the clock that is right.
      await report(registry, 'first', { nextDueInMs: aDay });
      const { schedule } = await tenantOf(registry, 'first');
      const plan = await duePlan(registry);
      expect(ids(plan.candidates)).toEqual(['woken']);
      await commit(registry, plan, []);
      expect(await tooLate()).toEqual(['first', 'late-3999', 'late-4003']);
      // No tenant's times are corrected twice.
      const once = await tenantOf(registry, 'first');
      expect(once.schedule.nextDueUtc!.getTime()).toBeGreaterThanOrEqual(
        schedule.nextDueUtc!.getTime() - anHour,
      );
      for (let plans = 0; plans < 2; plans++) await beginPlan(registry);
      expect(await tooLate()).toEqual(['first']);
      expect(await tenantOf(registry, 'first')).toEqual(once);
      const { schedule: last } = await tenantOf(registry, 'late-4003');
      const now = (await databaseNow(registry.leases)).getTime();
      expect(last.nextDueUtc!.getTime()).toBeGreaterThan(now);
      expect(last.lastPlannedUtc!.getTime()).toBeLessThanOrEqual(now);
      expect(last.lastRunUtc!.getTime()).toBeLessThanOrEqual(now);
    });

    test('F3, Q16: the clock is set back again before the times of all tenants are corrected', async () => {
      const { stage, registry, tooLate } = await veryMany();
      await beginPlan(registry);
      expect(await tooLate()).toEqual(['late-3999', 'late-4003']);
      await stage.setClockBack('registry', anHour);
      for (let plans = 0; plans < 2; plans++) await beginPlan(registry);
      expect(await tooLate()).toEqual([]);
    });

    test('F3, Q16: the plan of a dead host is taken over when its lease has run out', async () => {
      const { stage, registry } = await scene.registry();
      await add(registry, 'acme');
      await registry.beginPlan({ owner: 'dead host', leaseMs: 400, limit: 10 });
      await stage.setClockBack('registry', anHour);
      const refused = await registry.beginPlan({ owner: 'host-2', leaseMs: aMinute, limit: 10 });
      expect(refused).toMatchObject({ status: 'leased-elsewhere', owner: 'dead host' });
      if (refused.status !== 'leased-elsewhere') throw new Error('unreachable');
      expect(refused.expiresInMs).toBeLessThanOrEqual(400);
      await until('another host plans', async () => {
        const plan = await registry.beginPlan({ owner: 'host-2', leaseMs: aMinute, limit: 10 });
        return plan.status === 'due';
      });
    });
  });
}
