/** Q10: messages of one ordering key stand in line; nobody else waits for them. */
import { queueNames } from '../../src/engine/work-queue.ts';
import {
  anHour,
  begin,
  done,
  finish,
  giveBack,
  keep,
  line,
  message,
  next,
  payloads,
  retry,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

const ofKey = (messages: readonly { payload: string; orderingKey: string | null }[], key: string) =>
  payloads(messages.filter(({ orderingKey }) => orderingKey === key));

export function orderingSuite(scene: Scene): void {
  describe.each(queueNames)('ordering: %s', (name) => {
    test('Q10: the due messages right behind the head come in the same claim, in sequence', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        ...line('K', 'K1'),
        message('A'),
        ...line('L', 'L1'),
        ...line('K', 'K2', 'K3'),
        message('B'),
        ...line('L', 'L2'),
      ]);
      const { messages, more, nextDueInMs } = await take(queue);
      expect(ofKey(messages, 'K')).toEqual(['K1', 'K2', 'K3']);
      expect(ofKey(messages, 'L')).toEqual(['L1', 'L2']);
      expect(payloads(messages.filter(({ orderingKey }) => orderingKey === null))).toEqual(['A', 'B']);
      expect({ more, nextDueInMs }).toEqual({ more: false, nextDueInMs: null });
    });

    test('Q10: a line longer than the batch goes on where the claim was cut, and not before', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2', 'K3', 'K4', 'K5'));
      const run = await take(queue, { limit: 2 });
      expect(payloads(run.messages)).toEqual(['K1', 'K2']);
      const [k1, k2] = run.messages;
      expect((await settle(queue, run.lease, [], next({ solo: false }))).messages).toEqual([]);
      // K2 is still in flight: K3 has to wait, though K1 is through.
      const half = await settle(queue, run.lease, [done(k1!)], next({ solo: false }));
      expect(half.messages).toEqual([]);
      const second = await settle(queue, run.lease, [done(k2!)], next({ limit: 2 }));
      expect(payloads(second.messages)).toEqual(['K3', 'K4']);
      const third = await settle(queue, run.lease, second.messages.map(done), next({ limit: 2 }));
      expect(payloads(third.messages)).toEqual(['K5']);
    });

    test('Q10: a line is not torn by the bytes of a claim', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'large'.repeat(10_000), 'K3'), message('A')]);
      const run = await take(queue, { maxBytes: 1_000 });
      expect(ofKey(run.messages, 'K')).toEqual(['K1']);
      const seen = (await finish(queue, run, next({ maxBytes: 1_000 }))).flat();
      expect(ofKey(seen, 'K').map((payload) => payload.slice(0, 5))).toEqual(['K1', 'large', 'K3']);
      expect(seen).toHaveLength(4);
    });

    test('Q10: a message that waits for its retry blocks its key and no other', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2'), ...line('L', 'L1'), message('A')]);
      const run = await take(queue);
      const settled = await settle(
        queue,
        run.lease,
        run.messages.map((each) => (each.payload === 'K1' ? retry(each, anHour) : giveBack(each))),
        next(),
      );
      expect(payloads(settled.messages).sort()).toEqual(['A', 'L1']);
      expect(settled.more).toBe(false);
      expect(settled.nextDueInMs).toBeGreaterThan(0);
      expect(settled.nextDueInMs).toBeLessThanOrEqual(anHour);
      await queue.enqueue(line('K', 'K3'));
      await settle(queue, run.lease, settled.messages.map(done));
      expect(await begin(queue)).toMatchObject({ status: 'idle', more: false });
      expect(await queue.statistics()).toMatchObject({ ready: 3, due: 0, blocked: 2 });
    });

    test('Q10: after its retry the line goes on in sequence', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const first = await take(queue);
      const [k1, k2] = first.messages;
      await settle(queue, first.lease, [retry(k1!, 100), giveBack(k2!)]);
      await queue.enqueue(line('K', 'K3'));
      const run = await until('the retry is due', async () => {
        const result = await begin(queue);
        return result.status === 'claimed' && result;
      });
      expect(run.messages).toMatchObject([
        { payload: 'K1', attempt: 2 },
        { payload: 'K2', attempt: 1 },
        { payload: 'K3', attempt: 1 },
      ]);
    });

    test('Q10: a line goes on in sequence though its head became due last', async () => {
      const { queue } = await scene.queue(name);
      const [head, behind] = [
        message('K1', { orderingKey: 'K', dueInMs: 120 }),
        message('K2', { orderingKey: 'K' }),
      ];
      await queue.enqueue([head, behind]);
      const idle = await begin(queue);
      // A server that was slow to answer claims both at once, and then nobody is blocked.
      if (idle.status === 'idle') {
        expect(idle.nextDueInMs).toBeLessThanOrEqual(120);
        expect(await stored(queue, behind)).toMatchObject({ blocked: true });
        expect(await stored(queue, head)).toMatchObject({ blocked: false });
      }
      const run =
        idle.status === 'claimed'
          ? idle
          : await until('the head is due', async () => {
              const result = await begin(queue);
              return result.status === 'claimed' && result;
            });
      expect(payloads(run.messages)).toEqual(['K1', 'K2']);
    });

    test('Q4, Q10: the due messages of an ordering group are claimed among the others in the order they became due', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        message('K1', { orderingKey: 'K' }),
        message('A', { dueInMs: 30 }),
        message('K2', { orderingKey: 'K', dueInMs: 60 }),
        message('B', { dueInMs: 90 }),
      ]);
      // K2 is not counted: it is blocked, and was due before B.
      await until('all are due', async () => (await queue.statistics()).due === 3);
      const run = await take(queue, { limit: 2 });
      expect(payloads(run.messages)).toEqual(['K1', 'A']);
      expect(run.more).toBe(true);
      const settled = await settle(
        queue,
        run.lease,
        run.messages.map((each) => giveBack(each)),
        next(),
      );
      expect(payloads(settled.messages)).toEqual(['K1', 'A', 'K2', 'B']);
    });

    test('Q10, Q11: a message in line that is due later lets nothing pass, and tells when it is due', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        message('K1', { orderingKey: 'K' }),
        message('K2', { orderingKey: 'K', dueInMs: anHour }),
        message('K3', { orderingKey: 'K' }),
      ]);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual(['K1']);
      expect(run).toMatchObject({ more: false, nextDueInMs: null });
      const settled = await settle(queue, run.lease, run.messages.map(done), next());
      expect(settled).toMatchObject({ lease: 'released', messages: [], more: false });
      expect(settled.nextDueInMs).toBeGreaterThan(0);
      expect(settled.nextDueInMs).toBeLessThanOrEqual(anHour);
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
    });

    test('Q10: a latecomer waits behind a claimed head, and behind a waiting one', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1'));
      const run = await take(queue);
      const [late] = line('K', 'K2');
      await queue.enqueue([late!]);
      expect(await stored(queue, late!)).toMatchObject({ blocked: true });
      expect(await settle(queue, run.lease, [], next({ solo: false }))).toMatchObject({
        messages: [],
        more: false,
        nextDueInMs: null,
      });
      const released = await settle(
        queue,
        run.lease,
        run.messages.map((each) => giveBack(each)),
        next(),
      );
      expect(payloads(released.messages)).toEqual(['K1', 'K2']);
      const [k1, k2] = released.messages;
      await settle(queue, run.lease, [done(k1!), retry(k2!, anHour)], keep);
      expect(await stored(queue, late!)).toMatchObject({ blocked: false });
      await queue.enqueue(line('K', 'K3'));
      expect((await settle(queue, run.lease, [], next())).messages).toEqual([]);
    });

    test('Q10: a line that has run dry starts anew', async () => {
      const { queue } = await scene.queue(name);
      for (const payload of ['K1', 'K2']) {
        await queue.enqueue(line('K', payload));
        const run = await take(queue);
        expect(payloads(run.messages)).toEqual([payload]);
        await settle(queue, run.lease, run.messages.map(done));
      }
    });

    test('Q10: keys are compared exactly, and having none is not a key', async () => {
      const { queue } = await scene.queue(name);
      const keys = ['k', 'K', 'k ', 'ḱ', 'null', '0'];
      await queue.enqueue([
        ...keys.map((orderingKey) => message(`${orderingKey} waits`, { orderingKey, dueInMs: anHour })),
        message('keyless waits', { dueInMs: anHour }),
      ]);
      const others = [' k', 'kk', 'ｋ', '00'];
      await queue.enqueue([
        ...others.map((orderingKey) => message(orderingKey, { orderingKey })),
        ...keys.map((orderingKey) => message(`${orderingKey} behind`, { orderingKey })),
        message('keyless'),
      ]);
      expect(payloads((await take(queue)).messages)).toEqual([...others, 'keyless']);
      expect(await queue.statistics()).toMatchObject({ blocked: keys.length });
    });

    test('Q6, Q10: after a crash a line starts again where it was, in sequence', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2', 'K3'), ...line('L', 'L1', 'L2')]);
      const crashed = await take(queue);
      const k1 = crashed.messages.find(({ payload }) => payload === 'K1')!;
      await settle(queue, crashed.lease, [done(k1)], keep);
      await queue.enqueue([...line('K', 'K4'), ...line('L', 'L3')]);
      const seen = (await finish(queue, await takeAfterCrash(queue))).flat();
      expect(ofKey(seen, 'K')).toEqual(['K2', 'K3', 'K4']);
      expect(ofKey(seen, 'L')).toEqual(['L1', 'L2', 'L3']);
    });

    test('Q10: thousands of messages stuck behind one key keep nobody else from being claimed', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('stuck', 'head'));
      const first = await take(queue);
      await settle(queue, first.lease, [retry(first.messages[0]!, anHour)]);
      await queue.enqueue(Array.from({ length: 2_000 }, (_, i) => line('stuck', `${i}`)[0]!));
      await queue.enqueue([message('A'), ...line('free', 'F1', 'F2'), message('B')]);
      const run = await take(queue, { limit: 4, maxBytes: 1_000 });
      expect(payloads(run.messages).sort()).toEqual(['A', 'B', 'F1', 'F2']);
      expect(run.more).toBe(false);
      expect(run.nextDueInMs).toBeGreaterThan(0);
      expect(await queue.statistics()).toMatchObject({ ready: 2_001, blocked: 2_000, due: 0 });
    });
  });
}
