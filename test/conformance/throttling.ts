/** Q4: topics at their limit are left out of a claim, at a cost that does not grow with their backlog. */

import { randomUUID } from 'node:crypto';
import type { ClaimedMessage, NewMessage } from '../../src/engine/message.ts';
import type { TopicRoom, WorkQueue } from '../../src/engine/work-queue.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { defineHandler } from '../../src/queue/handler.ts';
import { replayDead } from '../support/dead-letters.ts';
import { deferred } from '../support/deferred.ts';
import { run as runQueue } from '../support/queue-run.ts';
import { until } from '../support/until.ts';
import {
  anHour,
  begin,
  type ClaimedRun,
  dead,
  done,
  finish,
  giveBack,
  keep,
  line,
  message,
  next,
  payloads,
  release,
  retry,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene } from './scene.ts';

/** Messages 'slow 1' to 'slow n', of the topic 'slow'. */
function slow(count: number) {
  return Array.from({ length: count }, (_, index) => message(`slow ${index + 1}`, { topic: 'slow' }));
}

function quick(...names: string[]) {
  return names.map((name) => message(name, { topic: 'quick' }));
}

const room = (count: number): TopicRoom[] => [{ topic: 'slow', room: count }];

export function throttlingSuite(scene: Scene): void {
  describe.each(queueNames)('topics at their limit: %s', (name) => {
    /** Claims until the engine says that nothing more can be claimed now. */
    async function claimAll(queue: WorkQueue, run: ClaimedRun, rooms: TopicRoom[]) {
      const claimed: ClaimedMessage[] = [];
      for (let calls = 1; ; calls++) {
        const answer = await settle(queue, run.lease, [], next({ solo: false, rooms }));
        claimed.push(...answer.messages);
        if (!answer.more) return { claimed, calls, answer };
        if (calls > 20) throw new Error('claims that take nothing do not end');
      }
    }

    test('Q4: a claim takes as many of a topic as there is room for, and other topics behind them', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(300), ...quick('A', 'B')]);
      const run = await take(queue, { rooms: room(2), limit: 100 });
      expect(payloads(run.messages)).toEqual(['slow 1', 'slow 2', 'A', 'B']);
      expect(run).toMatchObject({ more: false, throttled: true, nextDueInMs: 0 });
      expect(await queue.statistics()).toMatchObject({ ready: 298, due: 298, blocked: 0, claimed: 4 });
    });

    test('Q4: due messages with a delay that were left out are claimed by the call that gives them room', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(slow(6).map((letter) => ({ ...letter, dueInMs: 1 })));
      await until('all are due', async () => (await queue.statistics()).due === 6);
      const run = await take(queue, { rooms: room(2), limit: 100 });
      expect(run.messages).toHaveLength(2);
      const answer = await settle(queue, run.lease, run.messages.map(done), next({ rooms: room(2) }));
      expect(answer).toMatchObject({ lease: 'renewed' });
      expect(answer.messages).toHaveLength(2);
    });

    test('D2: messages of other topics do not wait for 300 slow ones of a handler with a limit', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(300), ...quick(...Array.from({ length: 30 }, (_, index) => `${index}`))]);
      const othersAreDone = deferred();
      let left = 30;
      let running = 0;
      let most = 0;
      const handlers = [
        defineHandler({
          topic: 'slow',
          concurrency: 2,
          async handle() {
            running++;
            most = Math.max(most, running);
            // If the others waited for these, these would time out.
            await othersAreDone.promise;
            running--;
          },
        }),
        defineHandler({ topic: 'quick', handle: () => void (--left === 0 && othersAreDone.resolve()) }),
      ];
      const report = await runQueue(queue, handlers, { dispatch: { handlerTimeoutMs: '20s' } });
      expect(report.counts).toMatchObject({ done: 330, retried: 0, lost: 0 });
      expect(report).toMatchObject({ more: false, nextDueInMs: null });
      expect(most).toBe(2);
    });

    test('Q4: a topic without room is left out, and its messages come when it has room again, oldest first', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(4), ...quick('A')]);
      const run = await take(queue, { rooms: room(1) });
      const [first, a] = run.messages;
      expect(payloads(run.messages)).toEqual(['slow 1', 'A']);
      await queue.enqueue(quick('B'));
      const full = await settle(queue, run.lease, [done(a!)], next({ solo: false, rooms: room(0) }));
      expect(payloads(full.messages)).toEqual(['B']);
      expect(full).toMatchObject({ more: false, throttled: true, onlySolo: false });
      const free = await settle(queue, run.lease, [done(first!)], next({ solo: false, rooms: room(2) }));
      expect(payloads(free.messages)).toEqual(['slow 2', 'slow 3']);
      expect(free).toMatchObject({ more: false, throttled: true });
      const all = await settle(queue, run.lease, [...full.messages, ...free.messages].map(done), next());
      expect(payloads(all.messages)).toEqual(['slow 4']);
      expect(all).toMatchObject({ more: false, throttled: false, nextDueInMs: null });
    });

    test('Q4, Q11: a run that ends says that throttled messages are due; a run without limits takes them', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(3), ...quick('A')]);
      const run = await take(queue, { rooms: room(1) });
      const renewed = await settle(queue, run.lease, [], keep);
      expect(renewed).toMatchObject({ more: false, throttled: true });
      const released = await settle(queue, run.lease, run.messages.map(done), release);
      expect(released).toMatchObject({ lease: 'released', more: true, nextDueInMs: 0 });
      const other = await take(queue, { owner: 'host-2' });
      expect(payloads(other.messages)).toEqual(['slow 2', 'slow 3']);
      expect(other).toMatchObject({ more: false, throttled: false, nextDueInMs: null });
    });

    test('Q4: the call’s cost has a bound: it says that more can be claimed, and later calls go on behind it', async () => {
      const { queue } = await scene.queue(name);
      for (let part = 0; part < 5; part++) await queue.enqueue(slow(1_000));
      await queue.enqueue(quick('A', 'B'));
      const run = await take(queue, { rooms: room(1), limit: 10 });
      expect(payloads(run.messages)).toEqual(['slow 1']);
      expect(run).toMatchObject({ more: true, throttled: true });
      const { claimed, calls, answer } = await claimAll(queue, run, room(0));
      expect(payloads(claimed)).toEqual(['A', 'B']);
      expect(calls).toBeLessThanOrEqual(4);
      expect(answer).toMatchObject({ throttled: true, onlySolo: false });
      // From here on the backlog is not looked at again: one call is enough.
      await queue.enqueue(quick('C'));
      const last = await settle(queue, run.lease, [], next({ solo: false, limit: 10, rooms: room(0) }));
      expect(payloads(last.messages)).toEqual(['C']);
      expect(await queue.statistics()).toMatchObject({ due: 4_999, claimed: 4 });
    });

    test('Q4: full batches of other topics do not hide a throttled message', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(3), ...quick(...'ABCDEFGH')]);
      const run = await take(queue, { limit: 3, rooms: room(1) });
      expect(payloads(run.messages)).toEqual(['slow 1', 'A', 'B']);
      const limits = { solo: false, limit: 2 };
      const second = await settle(queue, run.lease, [], next({ ...limits, rooms: room(0) }));
      expect(payloads(second.messages)).toEqual(['C', 'D']);
      const third = await settle(
        queue,
        run.lease,
        [done(run.messages[0]!)],
        next({ ...limits, rooms: room(1) }),
      );
      expect(payloads(third.messages)).toEqual(['slow 2', 'E']);
      const fourth = await settle(queue, run.lease, [], next({ ...limits, rooms: room(1) }));
      expect(payloads(fourth.messages)).toEqual(['slow 3', 'F']);
    });

    test('Q4, Q5: a released message of a full topic keeps its place in its topic', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...slow(3), ...quick('A')]);
      const run = await take(queue, { rooms: room(2) });
      const [first, second, a] = run.messages;
      const outcomes = [giveBack(first!), done(second!), done(a!)];
      const none = await settle(queue, run.lease, outcomes, next({ solo: false, rooms: room(0) }));
      expect(none).toMatchObject({ messages: [], more: false, throttled: true });
      const both = await settle(queue, run.lease, [], next({ rooms: room(2) }));
      expect(payloads(both.messages)).toEqual(['slow 1', 'slow 3']);
      expect(both.messages[0]).toMatchObject({ attempt: 1 });
    });

    test('D4, Q4: topics are compared case-insensitively', async () => {
      const { queue } = await scene.queue(name);
      const letters = ['slow', 'SLOW', 'Slow'].map((topic) => message(topic, { topic }));
      await queue.enqueue([...letters, ...quick('A')]);
      const run = await take(queue, { rooms: [{ topic: 'sLOW', room: 1 }] });
      expect(payloads(run.messages)).toEqual(['slow', 'A']);
      const rest = await settle(queue, run.lease, run.messages.map(done), next());
      expect(payloads(rest.messages)).toEqual(['SLOW', 'Slow']);
    });

    test('I4, Q4: a source with a room of its own does not use that of the others', async () => {
      const { queue } = await scene.queue(name);
      const from = (source: string, payload: string) =>
        message(payload, { topic: 'slow', source, dedupKey: randomUUID() });
      await queue.enqueue([
        from('a', 'a1'),
        from('a', 'a2'),
        from('b', 'b1'),
        from('c', 'c1'),
        from('b', 'b2'),
      ]);
      const rooms = [
        { topic: 'slow', room: 2 },
        { topic: 'slow', source: 'a', room: 1 },
      ];
      const run = await take(queue, { rooms });
      expect(payloads(run.messages)).toEqual(['a1', 'b1', 'c1']);
      const second = await settle(
        queue,
        run.lease,
        [],
        next({ solo: false, rooms: [rooms[0]!, { ...rooms[1]!, room: 0 }] }),
      );
      expect(payloads(second.messages)).toEqual(['b2']);
      const third = await settle(
        queue,
        run.lease,
        [],
        next({ solo: false, rooms: [{ ...rooms[0]!, room: 0 }, rooms[1]!] }),
      );
      expect(payloads(third.messages)).toEqual(['a2']);
    });

    /** Messages of the topic 'slow', each from a source of its own. */
    function fromSources(count: number): NewMessage[] {
      return slow(count).map((each, index) => ({
        ...each,
        source: `source ${index}`,
        dedupKey: randomUUID(),
      }));
    }

    /** Claims until the message comes; fails after so many calls. */
    async function claimUntil(
      queue: WorkQueue,
      run: ClaimedRun,
      payload: string,
      { rooms, calls }: { rooms: TopicRoom[]; calls: number },
    ) {
      for (let call = 1; call <= calls; call++) {
        const { messages } = await settle(queue, run.lease, [], next({ solo: false, rooms }));
        if (payloads(messages).includes(payload)) return;
      }
      throw new Error(`'${payload}' does not come in ${calls} calls`);
    }

    test('I4, Q4: sources for which one room is share it, and their oldest messages come back', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...fromSources(4), ...quick('A')]);
      const run = await take(queue, { rooms: room(0) });
      expect(payloads(run.messages)).toEqual(['A']);
      const claim = next({ solo: false, limit: 2, rooms: room(2) });
      const second = await settle(queue, run.lease, run.messages.map(done), claim);
      expect(payloads(second.messages)).toEqual(['slow 1', 'slow 2']);
      // The others are still throttled: a topic uses no more of the index of due messages than its room.
      expect(second).toMatchObject({ more: false, throttled: true });
      const third = await settle(queue, run.lease, second.messages.map(done), claim);
      expect(payloads(third.messages)).toEqual(['slow 3', 'slow 4']);
      expect(third).toMatchObject({ more: false, throttled: false });
    });

    test('Q4: a topic comes back although more topics than one call looks at are throttled before it', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...fromSources(1_050), message('last', { topic: 'unlike' }), ...quick('A')]);
      const unlike = { topic: 'unlike', room: 0 };
      const run = await take(queue, { rooms: [...room(0), unlike], limit: 2_000 });
      expect(payloads(run.messages)).toEqual(['A']);
      await claimUntil(queue, run, 'last', { rooms: [...room(0), { ...unlike, room: 1 }], calls: 10 });
      // The walk goes on with the first topic.
      await claimUntil(queue, run, 'slow 1', { rooms: [...room(1), unlike], calls: 10 });
    });

    test('Q4, Q10: throttled messages that have become followers soon make place for others of their topic', async () => {
      const { queue } = await scene.queue(name);
      const keys = Array.from({ length: 1_200 }, (_, index) => `K${index}`);
      await queue.enqueue(keys.map((orderingKey) => message(orderingKey, { topic: 'quick', orderingKey })));
      const first = await take(queue, { limit: 2_000 });
      const outcomes = first.messages.map((each) => dead(each));
      await settle(queue, first.lease, outcomes, release, { onDead: 'continue' });
      await queue.enqueue(
        slow(1_200).map((each, index) => ({ ...each, payload: 'follower', orderingKey: keys[index]! })),
      );
      await queue.enqueue([...slow(1), ...quick('A')]);
      const run = await take(queue, { rooms: room(0), limit: 2_000 });
      expect(payloads(run.messages)).toEqual(['A']);
      await replayDead(queue, {}, 2_000);
      await claimUntil(queue, run, 'slow 1', { rooms: [...room(1), { topic: 'quick', room: 0 }], calls: 3 });
    });

    test('Q4, Q10: a throttled head holds back its ordering group, and no other', async () => {
      const { queue } = await scene.queue(name);
      const head = message('K1', { topic: 'slow', orderingKey: 'K' });
      await queue.enqueue([...slow(1), head, ...line('K', 'K2', 'K3'), ...line('J', 'J1', 'J2')]);
      const run = await take(queue, { rooms: room(1) });
      expect(payloads(run.messages)).toEqual(['slow 1', 'J1', 'J2']);
      expect(run).toMatchObject({ more: false, throttled: true });
      expect(await stored(queue, head)).toMatchObject({ blocked: false });
      expect(await queue.statistics()).toMatchObject({ due: 1, blocked: 2 });
      const second = await settle(queue, run.lease, run.messages.map(done), next({ rooms: room(1) }));
      expect(payloads(second.messages)).toEqual(['K1', 'K2', 'K3']);
    });

    test('Q4, Q10: a message that is replayed in front of a throttled one comes first', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = ['K1', 'K2'].map((payload) => message(payload, { topic: 'slow', orderingKey: 'K' }));
      await queue.enqueue([k1!]);
      const first = await take(queue);
      const kill = dead(first.messages[0]!);
      await settle(queue, first.lease, [kill], release, { onDead: 'continue' });
      await queue.enqueue([...slow(1), k2!]);
      const run = await take(queue, { rooms: room(1) });
      expect(payloads(run.messages)).toEqual(['slow 1']);
      await replayDead(queue, {}, 1);
      const claims = await finish(queue, run);
      expect(claims.flat().map(({ payload }) => payload)).toEqual(['slow 1', 'K1', 'K2']);
    });

    test('Q4, Q10: the followers of a head that waits use no room of their topic', async () => {
      const { queue } = await scene.queue(name);
      const [head, ...followers] = Array.from({ length: 301 }, (_, index) =>
        message(`K${index}`, { topic: 'slow', orderingKey: 'K' }),
      );
      await queue.enqueue([head!]);
      const first = await take(queue);
      await settle(queue, first.lease, [retry(first.messages[0]!, anHour)], release);
      await queue.enqueue(followers);
      await queue.enqueue(slow(1));
      const run = await take(queue, { rooms: room(2), limit: 100 });
      expect(payloads(run.messages)).toEqual(['slow 1']);
      expect(await queue.statistics()).toMatchObject({ due: 0, blocked: 300, claimed: 1 });
    });

    test('Q4, Q10: a throttled message that has become a follower uses no room', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = ['K1', 'K2'].map((payload) => message(payload, { topic: 'slow', orderingKey: 'K' }));
      await queue.enqueue([{ ...k1!, topic: 'quick' }]);
      const first = await take(queue);
      await settle(queue, first.lease, [dead(first.messages[0]!)], release, { onDead: 'continue' });
      await queue.enqueue([...quick('A'), k2!, ...slow(1)]);
      const run = await take(queue, { rooms: room(0) });
      expect(payloads(run.messages)).toEqual(['A']);
      await replayDead(queue, {}, 1);
      const second = await settle(
        queue,
        run.lease,
        [],
        next({ solo: false, rooms: [...room(1), { topic: 'quick', room: 0 }] }),
      );
      expect(payloads(second.messages)).toEqual(['slow 1']);
      expect(await stored(queue, k2!)).toMatchObject({ blocked: true });
    });

    /** `count` messages of the topic 'slow' for each key, one key after the other. */
    function keyed(keys: string, count: number): NewMessage[] {
      return [...keys].flatMap((orderingKey) =>
        slow(count).map((each) => ({ ...each, payload: `${orderingKey} ${each.payload}`, orderingKey })),
      );
    }

    test('D2, Q10: four keys of a handler with a limit of four run at once, whatever their backlogs', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...keyed('ABCD', 50), ...quick('1', '2', '3')]);
      const allRun = deferred();
      let othersLeft = 3;
      const running = new Set<string>();
      const check = () => void (running.size === 4 && othersLeft === 0 && allRun.resolve());
      const handlers = [
        defineHandler({
          topic: 'slow',
          concurrency: 4,
          async handle({ payload }) {
            running.add(payload[0]!);
            check();
            await allRun.promise;
          },
        }),
        defineHandler({
          topic: 'quick',
          handle() {
            othersLeft--;
            check();
          },
        }),
      ];
      const report = await runQueue(queue, handlers, { dispatch: { handlerTimeoutMs: '20s' } });
      expect(report.counts).toMatchObject({ done: 203, retried: 0, lost: 0 });
    });

    test('Q4, Q10: heads use the room of their topic, and as many messages behind them come with them', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...keyed('ABC', 5), ...quick('1')]);
      const run = await take(queue, { rooms: room(2) });
      expect(payloads(run.messages).sort()).toEqual(['1', 'A slow 1', 'A slow 2', 'B slow 1', 'B slow 2']);
      expect(run).toMatchObject({ throttled: true, more: false });
      const rest = await finish(queue, run, next({ rooms: room(2) }));
      const claimed = rest.flat().map(({ payload }) => payload);
      for (const key of 'ABC') {
        const ofKey = claimed.filter((payload) => payload.startsWith(key));
        expect(ofKey).toEqual([1, 2, 3, 4, 5].map((nth) => `${key} slow ${nth}`));
      }
    });

    test('Q4, D2: the room behind the heads goes to all keys, not only to the one with the oldest messages', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...keyed('A', 9), ...keyed('B', 1), ...keyed('CD', 9)]);
      const run = await take(queue, { rooms: room(5) });
      const behind = { A: 3, B: 1, C: 3, D: 2 };
      const expected = Object.entries(behind).flatMap(([key, count]) =>
        slow(count).map(({ payload }) => `${key} ${payload}`),
      );
      expect(payloads(run.messages).sort()).toEqual(expected);
      const claims = await finish(queue, run, next({ rooms: room(5) }));
      expect(claims.flat()).toHaveLength(28);
    });

    test('Q4, Q10: a message behind one without room is left, also if its own topic has room', async () => {
      const { queue } = await scene.queue(name);
      const ofKey = (orderingKey: string, ...topics: string[]) =>
        topics.map((topic, index) => message(`${orderingKey}${index + 1}`, { topic, orderingKey }));
      await queue.enqueue([...ofKey('A', 'slow', 'slow', 'quick'), ...ofKey('B', 'quick', 'slow', 'quick')]);
      const run = await take(queue, { rooms: room(1) });
      expect(payloads(run.messages).sort()).toEqual(['A1', 'A2', 'A3', 'B1']);
    });

    test('Q4, Q10: a claimed head does not bring a throttled message behind it', async () => {
      const { queue } = await scene.queue(name);
      const [k1, k2] = [
        message('K1', { topic: 'quick', orderingKey: 'K' }),
        message('K2', { topic: 'slow', orderingKey: 'K' }),
      ];
      await queue.enqueue([k1]);
      const first = await take(queue);
      await settle(queue, first.lease, [dead(first.messages[0]!)], release, { onDead: 'continue' });
      await queue.enqueue([...quick('A'), k2]);
      const run = await take(queue, { rooms: room(0) });
      expect(payloads(run.messages)).toEqual(['A']);
      await replayDead(queue, {}, 1);
      const second = await settle(queue, run.lease, [], next({ solo: false, rooms: room(0) }));
      expect(payloads(second.messages)).toEqual(['K1']);
    });

    test('Q4: a topic that sorts before all others comes back: the empty one, stored by plain SQL', async () => {
      const { queue, address } = await scene.queue(name);
      await scene.stage.insertRow(address, name, { Topic: `''`, Payload: `'empty'` });
      await queue.enqueue(quick('A'));
      const full = await take(queue, { rooms: [{ topic: '', room: 0 }] });
      expect(payloads(full.messages)).toEqual(['A']);
      expect(full).toMatchObject({ more: false, throttled: true });
      const free = await settle(queue, full.lease, full.messages.map(done), next());
      expect(payloads(free.messages)).toEqual(['empty']);
    });

    test('Q4: the bytes of throttled messages do not count, those of messages that come back do', async () => {
      const { queue } = await scene.queue(name);
      const bytes = scene.harness.storedBytes('x'.repeat(1_000));
      const big = (payload: string, topic: string) => message(payload.padEnd(1_000, 'x'), { topic });
      await queue.enqueue([big('1', 'slow'), big('2', 'slow'), big('3', 'quick'), big('4', 'quick')]);
      const firsts = (messages: readonly ClaimedMessage[]) => messages.map(({ payload }) => payload[0]);
      const run = await take(queue, { rooms: room(1), maxBytes: 2 * bytes });
      expect(firsts(run.messages)).toEqual(['1', '3']);
      expect(run.more).toBe(true);
      const claim = next({ rooms: room(1), maxBytes: bytes });
      const second = await settle(queue, run.lease, run.messages.map(done), claim);
      expect(firsts(second.messages)).toEqual(['2']);
      expect(second.more).toBe(true);
    });

    test('Q7: recovered messages of a full topic wait for room, and then run alone', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(slow(3));
      await take(queue);
      await queue.enqueue(quick('A'));
      const run = await takeAfterCrash(queue, { rooms: room(1) });
      expect(payloads(run.messages)).toEqual(['slow 1']);
      const rest = await finish(queue, run, next({ rooms: room(1) }));
      expect(rest.flat().map(({ payload }) => payload)).toEqual(['slow 1', 'slow 2', 'slow 3', 'A']);
    });

    test('Q9, Q11: a tenant whose due messages are all throttled is not idle for the next run', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(slow(2));
      const run = await take(queue, { rooms: room(1) });
      await settle(queue, run.lease, run.messages.map(done), release);
      expect(await begin(queue, { owner: 'host-2', rooms: room(1) })).toMatchObject({
        status: 'claimed',
        messages: [{ payload: 'slow 2' }],
        throttled: false,
      });
    });
  });
}
