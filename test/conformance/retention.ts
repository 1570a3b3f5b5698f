/** Q12: runs delete Done rows after their retention, a few at a time. */

import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { replayDead } from '../support/dead-letters.ts';
import { orders, run as runQueue, withFaults } from '../support/queue-run.ts';
import { clockPasses, databaseNow } from './clock.ts';
import {
  anHour,
  begin,
  dead,
  done,
  enqueueDead,
  keep,
  line,
  message,
  next,
  payloads,
  release,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene, SceneQueue } from './scene.ts';
import { until } from './until.ts';

/** Anything settled before the database's present millisecond. */
const atOnce = { doneMs: 0, limit: 1_000 };

export function retentionSuite(scene: Scene): void {
  describe.each(queueNames)('retention: %s', (name) => {
    async function enqueueDone(queue: WorkQueue, letters: readonly ReturnType<typeof message>[]) {
      await queue.enqueue(letters);
      const run = await take(queue);
      await settle(queue, run.lease, run.messages.map(done));
    }
    async function withDone(count: number): Promise<SceneQueue> {
      const place = await scene.queue(name);
      const letters = Array.from({ length: count }, (_, index) => message(`${index}`));
      await enqueueDone(place.queue, letters);
      await clockPasses(place.database.leases);
      return place;
    }

    test('Q12: an idle begin removes rows that are old enough, at most the limit', async () => {
      const { queue } = await withDone(5);
      const retention = { doneMs: 0, limit: 2 };
      for (const [purged, left] of [
        [2, 3],
        [2, 1],
        [1, 0],
        [0, 0],
      ]) {
        expect(await begin(queue, { retention })).toMatchObject({ status: 'idle', purged });
        expect(await queue.statistics()).toMatchObject({ done: left });
      }
    });

    test('Q12: a Done row without a time, which a program has inserted, keeps no other row from being removed', async () => {
      const { queue, address } = await withDone(2);
      const row = { Topic: `'orders'`, Payload: `'{}'`, Status: '2', InGroup: '0' };
      await scene.stage.insertRow(address, name, row);
      expect(await begin(queue, { retention: atOnce })).toMatchObject({ status: 'idle', purged: 2 });
      expect(await queue.statistics()).toMatchObject({ done: 1 });
    });

    test('Q12: an idle run goes on until no Done message is left that is old enough', async () => {
      const { queue, database } = await scene.queue(name);
      for (let part = 0; part < 4; part++) {
        await enqueueDone(
          queue,
          Array.from({ length: 900 }, (_, index) => message(`${part} ${index}`)),
        );
      }
      await clockPasses(database.leases);
      const report = await runQueue(queue, [orders(() => {})], { retention: { doneMs: 0 } });
      expect(report).toMatchObject({ status: 'idle', more: false, nextDueInMs: null });
      expect(report.roundTrips).toBeGreaterThanOrEqual(4);
      expect(await queue.statistics()).toMatchObject({ done: 0 });
    });

    test('Q5, Q12: an idle run that is stopped removes no more', async () => {
      const { queue, database } = await scene.queue(name);
      for (let part = 0; part < 3; part++) {
        await enqueueDone(
          queue,
          Array.from({ length: 900 }, (_, index) => message(`${part} ${index}`)),
        );
      }
      await clockPasses(database.leases);
      const stop = new AbortController();
      const stopping = withFaults(queue, {
        begin: (real, request) => {
          stop.abort();
          return real(request);
        },
      });
      const report = await runQueue(stopping, [orders(() => {})], {
        retention: { doneMs: 0 },
        signal: stop.signal,
      });
      // The rest is soon removed by another run.
      expect(report).toMatchObject({
        status: 'idle',
        roundTrips: 1,
        more: false,
        nextDueInMs: null,
        purgeInMs: 5_000,
      });
      expect(await queue.statistics()).toMatchObject({ done: 1_700 });
    });

    test('Q9, Q12: an idle begin that removed something leaves the lease free', async () => {
      const { queue } = await withDone(2);
      const retention = { doneMs: 0, limit: 1 };
      expect(await begin(queue, { owner: 'host-1', retention })).toMatchObject({ status: 'idle', purged: 1 });
      expect(await begin(queue, { owner: 'host-2', retention })).toMatchObject({ status: 'idle', purged: 1 });
    });

    test('Q12: a claiming begin and every settle remove too', async () => {
      const { queue } = await withDone(6);
      await queue.enqueue([message('A'), message('B')]);
      const retention = { doneMs: 0, limit: 2 };
      const run = await take(queue, { limit: 1, retention });
      expect(run).toMatchObject({ purged: 2 });
      expect(payloads(run.messages)).toEqual(['A']);
      expect(await settle(queue, run.lease, [], keep, { retention })).toMatchObject({ purged: 2 });
      const claim = next({ solo: false });
      expect(await settle(queue, run.lease, [], claim, { retention })).toMatchObject({
        purged: 2,
        messages: [{ payload: 'B' }],
      });
      expect(await queue.statistics()).toMatchObject({ done: 0, claimed: 2 });
    });

    test('Q12: a releasing settle removes as well', async () => {
      const { queue } = await withDone(3);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const retention = { doneMs: 0, limit: 3 };
      expect(await settle(queue, run.lease, run.messages.map(done), release, { retention })).toMatchObject({
        lease: 'released',
        purged: 3,
      });
    });

    test('Q12: without retention nothing is removed', async () => {
      const { queue } = await withDone(2);
      expect(await begin(queue)).toMatchObject({ purged: 0 });
      expect(await queue.statistics()).toMatchObject({ done: 2 });
    });

    test('Q2, Q12: nothing is deleted before its time, by the database’s clock', async () => {
      const { queue, database } = await scene.queue(name);
      const letter = message('A');
      await enqueueDone(queue, [letter]);
      const { settledUtc } = await stored(queue, letter);
      expect(await begin(queue, { retention: { doneMs: anHour, limit: 10 } })).toMatchObject({ purged: 0 });
      await until('it is removed', async () => {
        await begin(queue, { retention: { doneMs: 150, limit: 10 } });
        return (await queue.get(letter.messageId)) === null;
      });
      const now = await databaseNow(database.leases);
      expect(now.getTime() - settledUtc!.getTime()).toBeGreaterThanOrEqual(150);
    });

    test('Q12: the oldest are deleted first', async () => {
      const place = await scene.queue(name);
      const letters = ['first', 'second', 'third'].map((payload) => message(payload));
      for (const letter of letters) {
        await enqueueDone(place.queue, [letter]);
        await clockPasses(place.database.leases);
      }
      await begin(place.queue, { retention: { doneMs: 0, limit: 2 } });
      await expect(place.queue.get(letters[0]!.messageId)).resolves.toBeNull();
      await expect(place.queue.get(letters[1]!.messageId)).resolves.toBeNull();
      expect(await stored(place.queue, letters[2]!)).toMatchObject({ payload: 'third' });
    });

    test('Q12: Dead, Ready and Claimed messages stay', async () => {
      const { queue, database } = await scene.queue(name);
      const buried = message('dead');
      await enqueueDead(queue, buried);
      const waiting = message('waiting', { dueInMs: anHour });
      await queue.enqueue([waiting, message('claimed')]);
      const run = await take(queue);
      await clockPasses(database.leases);
      expect(await settle(queue, run.lease, [], keep, { retention: atOnce })).toMatchObject({ purged: 0 });
      expect(await queue.statistics()).toMatchObject({ dead: 1, ready: 1, claimed: 1 });
      expect(await stored(queue, buried)).toMatchObject({ payload: 'dead' });
    });

    test('Q12: only under the lease', async () => {
      const { queue } = await withDone(2);
      await queue.enqueue([message('A')]);
      const lost = await take(queue, { owner: 'host-1' });
      const run = await take(queue, { owner: 'host-1' });
      expect(await begin(queue, { owner: 'host-2', retention: atOnce })).toMatchObject({
        status: 'leased-elsewhere',
      });
      expect(await settle(queue, lost.lease, [], next(), { retention: atOnce })).toMatchObject({
        lease: 'lost',
        purged: 0,
      });
      expect(await queue.statistics()).toMatchObject({ done: 2 });
      expect(await settle(queue, run.lease, [], keep, { retention: atOnce })).toMatchObject({ purged: 2 });
    });

    test('Q3, Q12: a dedup key is free again once its message is gone, and not before', async () => {
      const { queue, database } = await scene.queue(name);
      const first = message('first', { dedupKey: 'once' });
      await enqueueDone(queue, [first]);
      const second = message('second', { dedupKey: 'once' });
      await expect(queue.enqueue([second])).resolves.toMatchObject([{ status: 'duplicate' }]);
      await clockPasses(database.leases);
      await begin(queue, { retention: atOnce });
      await expect(queue.enqueue([second, { ...first, dedupKey: 'other' }])).resolves.toEqual([
        { messageId: second.messageId, status: 'enqueued' },
        { messageId: first.messageId, status: 'enqueued' },
      ]);
    });

    test('Q10, Q12: an ordering group goes on after its first messages are deleted', async () => {
      const { queue, database } = await scene.queue(name);
      const letters = line('K', 'K1', 'K2', 'K3', 'K4');
      await queue.enqueue(letters);
      const run = await take(queue, { limit: 2 });
      const [k1, k2] = run.messages;
      await settle(queue, run.lease, [done(k1!), dead(k2!)], keep);
      await clockPasses(database.leases);
      expect(await settle(queue, run.lease, [], keep, { retention: atOnce })).toMatchObject({ purged: 1 });
      expect((await settle(queue, run.lease, [], next({ solo: false }))).messages).toEqual([]);
      await replayDead(queue, {}, 1);
      const settled = await settle(queue, run.lease, [], next());
      expect(payloads(settled.messages)).toEqual(['K2', 'K3', 'K4']);
    });
  });
}
