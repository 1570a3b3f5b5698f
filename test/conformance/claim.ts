/** Q4, Q5, Q9, Q11: which messages a claim takes, in which order, and what it reports of the rest. */
import { MessageStatus } from '../../src/engine/message.ts';
import { queueLeaseName, queueNames } from '../../src/engine/work-queue.ts';
import { databaseNow, withHostClockShifted } from './clock.ts';
import {
  anHour,
  begin,
  dead,
  done,
  keep,
  line,
  message,
  next,
  park,
  payloads,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene } from './scene.ts';
import { nothing } from './stored-counts.ts';
import { until } from './until.ts';

export function claimSuite(scene: Scene): void {
  describe.each(queueNames)('claim: %s', (name) => {
    test('Q4: oldest due first, whatever the sequence', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        message('due third', { dueInMs: 60 }),
        message('due second', { dueInMs: 30 }),
        message('due first'),
      ]);
      await until('all are due', async () => (await queue.statistics()).due === 3);
      const { messages } = await take(queue);
      expect(payloads(messages)).toEqual(['due first', 'due second', 'due third']);
      const dues = messages.map(({ dueUtc }) => dueUtc.getTime());
      expect(dues).toEqual([...dues].sort((a, b) => a - b));
    });

    test('Q2: begin and settle tell the database’s time by which they decided what is due', async () => {
      const { queue, database } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const before = await databaseNow(database.leases);
      const answers = await withHostClockShifted(anHour, async () => {
        const first = await take(queue, { limit: 1 });
        const second = await settle(queue, first.lease, first.messages.map(done), next({ limit: 1 }));
        return [
          first,
          second,
          await settle(queue, first.lease, second.messages.map(done), { do: 'release-lease' }),
        ];
      });
      const after = await databaseNow(database.leases);
      for (const { nowUtc } of [...answers, await begin(queue)] as { nowUtc: Date }[]) {
        expect(nowUtc.getTime()).toBeGreaterThanOrEqual(before.getTime());
      }
      for (const { nowUtc } of answers) expect(nowUtc.getTime()).toBeLessThanOrEqual(after.getTime());
    });

    test('Q4: at most the batch size, oldest first, and the claim reports that more are left', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(['A', 'B', 'C', 'D', 'E'].map((payload) => message(payload)));
      const first = await take(queue, { limit: 2 });
      expect(payloads(first.messages)).toEqual(['A', 'B']);
      expect(first).toMatchObject({ more: true, nextDueInMs: 0, recovered: 0, purged: 0 });
      const second = await settle(queue, first.lease, first.messages.map(done), next({ limit: 2 }));
      expect(payloads(second.messages)).toEqual(['C', 'D']);
      expect(second).toMatchObject({ more: true, nextDueInMs: 0 });
      const third = await settle(queue, first.lease, second.messages.map(done), next({ limit: 2 }));
      expect(payloads(third.messages)).toEqual(['E']);
      expect(third).toMatchObject({ more: false, nextDueInMs: null });
    });

    test('Q4: a batch that takes every due message reports that none are left', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      expect(await take(queue, { limit: 2 })).toMatchObject({ more: false, nextDueInMs: null });
    });

    test('Q4: no more bytes than allowed, to the byte', async () => {
      const { queue } = await scene.queue(name);
      const payload = 'é0123456789'.repeat(100);
      await queue.enqueue([1, 2, 3, 4, 5].map(() => message(payload)));
      const size = scene.harness.storedBytes(payload);
      const first = await take(queue, { maxBytes: 2 * size });
      expect(first.messages).toHaveLength(2);
      expect(first).toMatchObject({ more: true, nextDueInMs: 0 });
      const second = await settle(
        queue,
        first.lease,
        first.messages.map(done),
        next({ maxBytes: 3 * size - 1 }),
      );
      expect(second.messages).toHaveLength(2);
      expect(second).toMatchObject({ more: true, nextDueInMs: 0 });
    });

    test('Q4: at least one message, whatever its size; later messages do not pass a large one', async () => {
      const { queue } = await scene.queue(name);
      const large = 'L'.repeat(50_000);
      await queue.enqueue([message('A'), message(large), message('B')]);
      const run = await take(queue, { maxBytes: 1_000 });
      expect(payloads(run.messages)).toEqual(['A']);
      expect(run).toMatchObject({ more: true, nextDueInMs: 0 });
      const second = await settle(queue, run.lease, run.messages.map(done), next({ maxBytes: 1_000 }));
      expect(second.messages.map(({ payload }) => payload.length)).toEqual([large.length]);
      expect(second).toMatchObject({ more: true });
      const third = await settle(queue, run.lease, second.messages.map(done), next({ maxBytes: 1 }));
      expect(payloads(third.messages)).toEqual(['B']);
    });

    test('Q5, Q6: a claim counts the attempt and carries the fence', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      expect(run.messages).toMatchObject([
        { messageId: letter.messageId, attempt: 1, parks: 0, recovered: false },
      ]);
      expect(await stored(queue, letter)).toMatchObject({
        status: MessageStatus.Claimed,
        attempts: 1,
        claimFence: run.lease.fence,
        sequence: run.messages[0]!.sequence,
        settledUtc: null,
      });
    });

    test('Q4: a claimed message is not claimed again, by the same run or by a second claim', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B'), message('C')]);
      const run = await take(queue, { limit: 2 });
      const second = await settle(queue, run.lease, [], next({ solo: false }));
      expect(payloads(second.messages)).toEqual(['C']);
      expect(await settle(queue, run.lease, [], next({ solo: false }))).toMatchObject({
        lease: 'renewed',
        messages: [],
        more: false,
        nextDueInMs: null,
        unmatched: [],
      });
    });

    test('Q4: a claim belongs to the lease’s holder; another host gets the holder and the remaining time', async () => {
      const { queue, address } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { owner: 'host-1', limit: 1 });
      const other = scene.open(address, scene.anotherHost()).queue(name);
      const refused = await begin(other, { owner: 'host-2', retention: { doneMs: 0, limit: 10 } });
      expect(refused).toMatchObject({ status: 'leased-elsewhere', owner: 'host-1' });
      if (refused.status !== 'leased-elsewhere') throw new Error('unreachable');
      expect(refused.expiresInMs).toBeGreaterThan(0);
      expect(refused.expiresInMs).toBeLessThanOrEqual(600_000);
      expect(await queue.statistics()).toMatchObject({ claimed: 1, ready: 1 });
      expect(await settle(queue, run.lease, run.messages.map(done))).toMatchObject({ unmatched: [] });
    });

    test('Q9: an idle begin costs one call: it finds nothing and the lease is free again', async () => {
      const { queue, address } = await scene.queue(name);
      expect(await begin(queue, { owner: 'host-1' })).toEqual({
        status: 'idle',
        messages: [],
        more: false,
        throttled: false,
        onlySolo: false,
        nextDueInMs: null,
        purged: 0,
        nowUtc: expect.any(Date),
        recovered: 0,
        parked: { topics: [], more: false },
        stored: nothing,
      });
      const other = scene.open(address, scene.anotherHost()).queue(name);
      expect(await begin(other, { owner: 'host-2' })).toMatchObject({ status: 'idle' });
    });

    test('Q9, L2: an idle begin of the lease’s own holder ends its earlier run and frees the lease', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const earlier = await take(queue, { owner: 'host-1' });
      await settle(queue, earlier.lease, earlier.messages.map(done), keep);
      expect(await begin(queue, { owner: 'host-1' })).toMatchObject({ status: 'idle', recovered: 0 });
      expect(await settle(queue, earlier.lease, [], keep)).toMatchObject({ lease: 'lost' });
      expect(await begin(queue, { owner: 'host-2' })).toMatchObject({ status: 'idle' });
    });

    test('Q11: a delayed message is not claimed before it is due, and the claim reports the due time', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('far', { dueInMs: 2 * anHour }), message('near', { dueInMs: anHour })]);
      const idle = await begin(queue);
      if (idle.status !== 'idle') throw new Error(`expected idle, got ${idle.status}`);
      expect(idle).toMatchObject({ messages: [], more: false });
      expect(idle.nextDueInMs).toBeGreaterThan(0);
      expect(idle.nextDueInMs).toBeLessThanOrEqual(anHour);
      await queue.enqueue([message('now')]);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual(['now']);
      expect(run.nextDueInMs).toBeGreaterThan(0);
      expect(run.nextDueInMs).toBeLessThanOrEqual(anHour);
      const settled = await settle(queue, run.lease, run.messages.map(done), keep);
      expect(settled.nextDueInMs).toBeGreaterThan(0);
    });

    test('Q11: a delayed message is claimed once it is due', async () => {
      const { queue, database } = await scene.queue(name);
      await queue.enqueue([message('soon', { dueInMs: 150 })]);
      const run = await until('the message is due', async () => {
        const result = await begin(queue);
        return result.status === 'claimed' && result;
      });
      const lease = (await database.leases.list()).find((each) => each.name === queueLeaseName(name));
      expect(lease!.acquiredUtc!.getTime()).toBeGreaterThanOrEqual(run.messages[0]!.dueUtc.getTime());
    });

    test('Q2: the host’s clock does not decide what is due', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('later', { dueInMs: anHour })]);
      await withHostClockShifted(2 * anHour, async () => {
        expect(await begin(queue)).toMatchObject({ status: 'idle', messages: [] });
      });
      await withHostClockShifted(-2 * anHour, async () => {
        await queue.enqueue([message('now')]);
        expect(payloads((await take(queue)).messages)).toEqual(['now']);
      });
    });

    test('statistics count the messages by their state and due time', async () => {
      const { queue } = await scene.queue(name);
      expect(await queue.statistics()).toEqual({
        ready: 0,
        due: 0,
        blocked: 0,
        parked: 0,
        claimed: 0,
        done: 0,
        dead: 0,
        oldestDueAgeMs: null,
        nextDueInMs: null,
      });
      await queue.enqueue([message('done'), message('dead'), message('parked')]);
      const run = await take(queue);
      const [first, second, third] = run.messages;
      await settle(queue, run.lease, [done(first!), dead(second!), park(third!, anHour)]);
      const waiting = await queue.statistics();
      expect(waiting).toMatchObject({ ready: 1, due: 0, parked: 1, done: 1, dead: 1, oldestDueAgeMs: null });
      expect(waiting.nextDueInMs).toBeGreaterThan(0);
      expect(waiting.nextDueInMs).toBeLessThanOrEqual(anHour);
      await queue.enqueue([message('claimed')]);
      await take(queue, { limit: 1 });
      await queue.enqueue([...line('K', 'head', 'behind', 'behind it'), message('due')]);
      const busy = await queue.statistics();
      expect(busy).toEqual({
        ready: 5,
        due: 2,
        blocked: 2,
        parked: 1,
        claimed: 1,
        done: 1,
        dead: 1,
        oldestDueAgeMs: expect.any(Number),
        nextDueInMs: 0,
      });
      expect(busy.oldestDueAgeMs).toBeGreaterThanOrEqual(0);
    });

    test('S2: parked messages that are blocked count as parked too', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const run = await take(queue);
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => park(each, anHour)),
      );
      expect(await queue.statistics()).toMatchObject({ ready: 2, due: 0, blocked: 1, parked: 2 });
    });

    test('S2: one due message counts, and its age is told', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('later', { dueInMs: anHour })]);
      const { due, oldestDueAgeMs, nextDueInMs } = await queue.statistics();
      expect({ due, nextDueInMs }).toEqual({ due: 1, nextDueInMs: 0 });
      expect(oldestDueAgeMs).toBeGreaterThanOrEqual(0);
    });

    test('a message that was never enqueued is null', async () => {
      const { queue } = await scene.queue(name);
      await expect(queue.get('00000000-0000-4000-8000-000000000000')).resolves.toBeNull();
    });
  });
}
