/**
 * Q8: the calls of a busy run, which settle a full batch as Done and claim the next full one. An engine may have a faster
 * way for them. Each test has something in the way of it.
 */
import { randomUUID } from 'node:crypto';
import { type ClaimedMessage, MessageStatus, type NewMessage } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import {
  anHour,
  type ClaimedRun,
  done,
  finish,
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
import type { Scene, SceneQueue } from './scene.ts';
import { until } from './until.ts';

const { signal } = new AbortController();
const limit = 2;

const numberedFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => message(`${first + at}`));

/** The messages 0, 1, …: without ordering keys, or each with a key of its own. */
const kinds = {
  'without ordering keys': (count: number) => numberedFrom(0, count),
  'with ordering keys': (count: number) =>
    Array.from({ length: count }, (_, at) => message(`${at}`, { orderingKey: `key ${at}` })),
};
const cases = queueNames.flatMap((name) =>
  Object.entries(kinds).map(([what, numbered]) => ({ name, what, numbered })),
);

export function busySuite(scene: Scene): void {
  describe.each(cases)('a busy run: $name $what', ({ name, numbered }) => {
    /** A run in its second batch, which has the messages 2 and 3; the messages from 4 on are due. */
    async function busy(count = 8): Promise<SceneQueue & { run: ClaimedRun }> {
      const place = await scene.queue(name);
      await place.queue.enqueue(numbered(count));
      const run = await take(place.queue, { limit });
      const second = await settle(place.queue, run.lease, run.messages.map(done), next({ limit }));
      expect(second).toMatchObject({ lease: 'renewed', unmatched: [], more: true, nextDueInMs: 0 });
      expect(payloads(second.messages)).toEqual(['2', '3']);
      return { ...place, run: { ...run, messages: second.messages } };
    }
    const settleAll = ({ queue, run }: Pick<SceneQueue, 'queue'> & { run: ClaimedRun }) =>
      settle(queue, run.lease, run.messages.map(done), next({ limit }));

    test('Q4, Q5, Q8: each batch has the oldest messages, and the last one tells what is left', async () => {
      const { queue } = await scene.queue(name);
      const letters = [...numbered(9), message('late', { dueInMs: anHour })];
      await queue.enqueue(letters);
      const run = await take(queue, { limit });
      const claims = await finish(queue, run, next({ limit }));
      expect(claims.map(payloads)).toEqual([['0', '1'], ['2', '3'], ['4', '5'], ['6', '7'], ['8']]);
      expect(claims.flat().every(({ attempt, recovered }) => attempt === 1 && !recovered)).toBe(true);
      expect(await queue.statistics()).toMatchObject({ done: 9, claimed: 0, ready: 1 });
      expect(await stored(queue, letters[5]!)).toMatchObject({
        status: MessageStatus.Done,
        attempts: 1,
        blocked: false,
        settledUtc: expect.any(Date),
      });
    });

    test('Q11: a batch that takes the last due messages tells when the next one is due', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...numbered(6), message('late', { dueInMs: anHour })]);
      const run = await take(queue, { limit });
      const second = await settle(queue, run.lease, run.messages.map(done), next({ limit }));
      const third = await settle(queue, run.lease, second.messages.map(done), next({ limit }));
      expect(payloads(third.messages)).toEqual(['4', '5']);
      expect(third.more).toBe(false);
      expect(third.nextDueInMs).toBeGreaterThan(0);
      expect(third.nextDueInMs).toBeLessThanOrEqual(anHour);
    });

    test('Q4: messages that are stored meanwhile come in their turn', async () => {
      const place = await busy(6);
      const { queue, run } = place;
      await queue.enqueue([message('new')]);
      const third = await settleAll(place);
      expect(payloads(third.messages)).toEqual(['4', '5']);
      const claims = await finish(queue, { ...run, messages: third.messages }, next({ limit }));
      expect(claims.map(payloads)).toEqual([['4', '5'], ['new']]);
    });

    test('Q8: messages in flight beside those that are settled stay so', async () => {
      const { queue, run } = await busy();
      const [two, three] = run.messages;
      const { lease } = run;
      const third = await settle(queue, lease, [done(two!)], next({ limit, solo: false }));
      expect(payloads(third.messages)).toEqual(['4', '5']);
      expect(await stored(queue, three!)).toMatchObject({ status: MessageStatus.Claimed });
      const fourth = await settle(queue, lease, third.messages.map(done), next({ limit, solo: false }));
      expect(payloads(fourth.messages)).toEqual(['6', '7']);
      expect(await stored(queue, three!)).toMatchObject({ status: MessageStatus.Claimed });
      const last = await settle(queue, lease, [three!, ...fourth.messages].map(done), next({ limit }));
      expect(last).toMatchObject({ lease: 'released', unmatched: [] });
    });

    test('Q10: a claim meets ordering keys: no message overtakes the one before it', async () => {
      const { queue } = await scene.queue(name);
      const [first, second, third] = line('K', 'K1', 'K2', 'K3');
      await queue.enqueue([...numbered(5), first!, message('5'), second!, third!, message('6')]);
      const run = await take(queue, { limit });
      const claims = await finish(queue, run, next({ limit }));
      const order = claims.map(payloads);
      expect(order.slice(0, 2)).toEqual([
        ['0', '1'],
        ['2', '3'],
      ]);
      const all = order.flat();
      expect(all.filter((payload) => payload.startsWith('K'))).toEqual(['K1', 'K2', 'K3']);
      expect([...all].sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', 'K1', 'K2', 'K3']);
      expect(await queue.statistics()).toMatchObject({ done: 10, ready: 0, claimed: 0 });
    });

    test('Q10: a message behind a Dead one is not claimed, and the run ends', async () => {
      const { queue } = await scene.queue(name);
      const [head, behind] = line('K', 'K1', 'K2');
      await queue.enqueue([head!]);
      const before = await take(queue);
      await settle(queue, before.lease, [{ ...done(before.messages[0]!), kind: 'dead', error: 'no' }]);
      await queue.enqueue([...numbered(6), behind!]);
      const run = await take(queue, { limit });
      const claims = await finish(queue, run, next({ limit }));
      expect(claims.flat().map(({ payload }) => payload)).toEqual(['0', '1', '2', '3', '4', '5']);
      expect(await queue.statistics()).toMatchObject({ done: 6, dead: 1, ready: 1, claimed: 0 });
    });

    test('Q4: a batch ends before the bytes are too many', async () => {
      const { queue } = await scene.queue(name);
      const large = 'x'.repeat(2_000);
      await queue.enqueue([...numbered(4), message(large), message(large)]);
      const claim = next({ limit, maxBytes: 3_000 });
      const run = await take(queue, { limit, maxBytes: 3_000 });
      const claims = await finish(queue, run, claim);
      expect(claims.map((batch) => batch.length)).toEqual([2, 2, 1, 1]);
    });

    test('Q7: a recovered message is claimed by itself', async () => {
      const { queue } = await scene.queue(name);
      const [crashed, ...others] = numbered(7);
      await queue.enqueue([crashed!]);
      await take(queue);
      // It is due behind the others, as after a retry.
      const again = await takeAfterCrash(queue);
      await settle(queue, again.lease, [{ ...done(again.messages[0]!), kind: 'release', delayMs: 0 }]);
      await queue.enqueue(others);
      const run = await take(queue, { limit });
      const claims = await finish(queue, run, next({ limit }));
      expect(claims.filter((batch) => batch.some(({ recovered }) => recovered)).map(payloads)).toEqual([
        ['0'],
      ]);
      expect(claims.flat()).toHaveLength(7);
    });

    test('Q12: Done messages whose retention is over are removed', async () => {
      const { queue, run } = await busy();
      const retention = { doneMs: 0, limit: 100 };
      // The clock that counts has milliseconds, so the Done messages may need one to be older than now.
      let purged = 0;
      let { messages } = run;
      while (messages.length > 0) {
        const settled = await settle(queue, run.lease, messages.map(done), next({ limit }), { retention });
        purged += settled.purged;
        ({ messages } = settled);
      }
      expect(purged).toBeGreaterThan(0);
      expect(await queue.statistics()).toMatchObject({ done: 8 - purged });
    });

    test('Q8: an outcome other than Done in between', async () => {
      const { queue, run } = await busy();
      const [two, three] = run.messages;
      const third = await settle(queue, run.lease, [retry(two!, anHour), done(three!)], next({ limit }));
      expect(payloads(third.messages)).toEqual(['4', '5']);
      const claims = await finish(queue, { ...run, messages: third.messages }, next({ limit }));
      expect(claims.map(payloads)).toEqual([
        ['4', '5'],
        ['6', '7'],
      ]);
      expect(await stored(queue, two!)).toMatchObject({
        status: MessageStatus.Ready,
        lastError: 'it failed',
      });
    });

    test('Q8: a message that was never claimed is unmatched, and the others are settled', async () => {
      const { queue, run } = await busy();
      const [two, three] = run.messages;
      const wrong = { sequence: three!.sequence, messageId: randomUUID() };
      const settled = await settle(queue, run.lease, [two!, wrong].map(done), next({ limit, solo: false }));
      expect(settled.unmatched).toEqual([wrong.sequence]);
      expect(await stored(queue, two!)).toMatchObject({ status: MessageStatus.Done });
      expect(await stored(queue, three!)).toMatchObject({ status: MessageStatus.Claimed });
    });

    test('Q6, Q8: when another run has the lease, nothing is settled', async () => {
      const place = await busy();
      const other = await takeAfterCrash(place.queue, { owner: place.run.lease.owner, limit });
      expect(await settleAll(place)).toMatchObject({ lease: 'lost', messages: [] });
      expect(await stored(place.queue, place.run.messages[1]!)).toMatchObject({
        status: MessageStatus.Ready,
        recovered: true,
      });
      expect(other.messages).toMatchObject([{ payload: '2', recovered: true }]);
    });

    test('T1, Q8: a message that its handler’s transaction has settled is Done once', async () => {
      const { database, queue, run } = await busy();
      const [two, three] = run.messages;
      await queue.transact({ ...two!, lease: run.lease, signal }, () => Promise.resolve());
      const third = await settle(queue, run.lease, [done(three!)], next({ limit }));
      expect(third).toMatchObject({ unmatched: [] });
      expect(payloads(third.messages)).toEqual(['4', '5']);
      expect(await database.queue(name).statistics()).toMatchObject({ done: 4, claimed: 2 });
    });

    test('Q8: after a restore, what was Done since is not taken for Done', async () => {
      const place = await busy();
      const { address, queue, run } = place;
      const restore = await scene.stage.backUp(address);
      const [two, three] = run.messages;
      const third = await settle(queue, run.lease, [retry(two!, anHour), done(three!)], next({ limit }));
      const fourth = await settle(queue, run.lease, third.messages.map(done), next({ limit }));
      expect(payloads(fourth.messages)).toEqual(['6', '7']);
      await restore();
      // In the restored database this run has claimed the messages 2 and 3, and 6 and 7 are Ready.
      const late = await settle(queue, run.lease, fourth.messages.map(done), next({ limit, solo: false }));
      expect(late.unmatched).toEqual(fourth.messages.map(({ sequence }) => sequence));
      for (const each of [two!, three!])
        expect(await stored(queue, each)).toMatchObject({ status: MessageStatus.Claimed });
    });

    test('Q8: after a restore and a renewal of the lease, what was Done since is not taken for Done', async () => {
      const place = await busy();
      const { address, queue, run } = place;
      const restore = await scene.stage.backUp(address);
      const later = run.messages.map((each) => retry(each, anHour));
      const third = await settle(queue, run.lease, later, next({ limit }));
      expect(payloads(third.messages)).toEqual(['4', '5']);
      await restore();
      expect(await settle(queue, run.lease, [], keep)).toMatchObject({ lease: 'renewed' });
      const late = await settle(queue, run.lease, third.messages.map(done), next({ limit, solo: false }));
      expect(late.unmatched).toEqual(third.messages.map(({ sequence }) => sequence));
      for (const each of run.messages)
        expect(await stored(queue, each)).toMatchObject({ status: MessageStatus.Claimed });
    });

    test('Q8: after a restore and a claim beside messages in flight, what was Done since is not taken for Done', async () => {
      const { address, queue } = await scene.queue(name);
      // Each is due after the one before, so that a claim may go on behind the last one.
      for (const letter of numbered(6)) {
        await queue.enqueue([letter]);
        const { dueUtc } = await stored(queue, letter);
        await until('the clock has moved on', async () => Date.now() > dueUtc.getTime());
      }
      const { lease, messages } = await take(queue, { limit: 1 });
      const restore = await scene.stage.backUp(address);
      const [one] = (await settle(queue, lease, [retry(messages[0]!, anHour)], next({ limit: 1 }))).messages;
      await restore();
      const [two] = (await settle(queue, lease, [], next({ limit: 1, solo: false }))).messages;
      const inFlight = new Map([one!, two!].map((each) => [each.sequence, each]));
      await settle(queue, lease, [...inFlight.values()].map(done), next({ limit: 1, solo: false }));
      expect(await stored(queue, messages[0]!)).toMatchObject({ status: MessageStatus.Claimed });
    });
  });

  describe.each(queueNames)('a busy run with ordering groups: %s', (name) => {
    /** Stores the messages, takes a run through all of them, and returns its claims. */
    async function drain(letters: NewMessage[], limit: number): Promise<ClaimedMessage[][]> {
      const { queue } = await scene.queue(name);
      await queue.enqueue(letters);
      const claims = await finish(queue, await take(queue, { limit }), next({ limit }));
      expect(claims.flat().every(({ attempt }) => attempt === 1)).toBe(true);
      expect(await queue.statistics()).toMatchObject({ ready: 0, blocked: 0, claimed: 0 });
      return claims;
    }

    test('Q4, Q10: keys that take turns', async () => {
      const letters = [1, 2, 3, 4, 5].flatMap((at) => ['K', 'L'].flatMap((key) => line(key, `${key}${at}`)));
      const claims = await drain(letters, 2);
      expect(claims.map(payloads)).toEqual([1, 2, 3, 4, 5].map((at) => [`K${at}`, `L${at}`]));
    });

    test('Q4, Q10: one key with many messages', async () => {
      const claims = await drain(line('K', 'K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7'), 2);
      expect(claims.map(payloads)).toEqual([['K1', 'K2'], ['K3', 'K4'], ['K5', 'K6'], ['K7']]);
    });

    test('Q4, Q10: keys with more messages in one batch than others', async () => {
      const letters = [...'KKLAKLKKMLBK'].map((key, at) =>
        message(`${key}${at}`, /[KLM]/.test(key) ? { orderingKey: key } : {}),
      );
      const claims = await drain(letters, 3);
      expect(claims.map(payloads)).toEqual([
        ['K0', 'K1', 'L2'],
        ['A3', 'K4', 'L5'],
        ['K6', 'K7', 'M8'],
        ['L9', 'B10', 'K11'],
      ]);
    });

    test('Q10: blocked messages go on when those before them are settled', async () => {
      const { queue } = await scene.queue(name);
      const letters = line('K', 'K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7');
      await queue.enqueue(letters);
      const run = await take(queue, { limit });
      const { lease } = run;
      // A claim beside messages in flight meets the key's other messages, and blocks them.
      const beside = await settle(queue, lease, [], next({ limit, solo: false }));
      expect(beside).toMatchObject({ messages: [], more: false, nextDueInMs: null });
      expect(await stored(queue, letters[6]!)).toMatchObject({ blocked: true });
      await queue.enqueue(numberedFrom(0, 6));
      const claims = await finish(queue, run, next({ limit }));
      expect(claims.map(payloads)).toEqual([
        ['K1', 'K2'],
        ['K3', 'K4'],
        ['K5', 'K6'],
        ['K7', '0'],
        ['1', '2'],
        ['3', '4'],
        ['5'],
      ]);
    });

    test('Q4, Q10: an unblocked message that was due before all others is the next one', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2', 'K3'));
      const { lease, messages } = await take(queue, { limit: 1 });
      await settle(queue, lease, [], next({ limit: 1, solo: false }));
      const others = ['A', 'B', 'C', 'D'].map((payload) => message(payload));
      await queue.enqueue(others);
      const { dueUtc } = await stored(queue, others[0]!);
      await until('the clock has moved on', async () => Date.now() > dueUtc.getTime());
      const seen = payloads(messages);
      for (let inFlight = messages; inFlight.length > 0; seen.push(...payloads(inFlight)))
        inFlight = (await settle(queue, lease, inFlight.map(done), next({ limit: 1 }))).messages;
      expect(seen).toEqual(['K1', 'K2', 'K3', 'A', 'B', 'C', 'D']);
    });

    test('Q10: a message behind one that is not due is not claimed, and the others are', async () => {
      const { queue } = await scene.queue(name);
      const late = message('K1', { orderingKey: 'K', dueInMs: anHour });
      await queue.enqueue([...numberedFrom(0, 4), late, ...line('K', 'K2'), ...numberedFrom(4, 4)]);
      const claims = await finish(queue, await take(queue, { limit }), next({ limit }));
      expect(claims.flat().map(({ payload }) => payload)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
      expect(await queue.statistics()).toMatchObject({ ready: 2, blocked: 1, claimed: 0 });
    });

    test('Q10: a message that became due after the next one of its key comes before it', async () => {
      const { queue } = await scene.queue(name);
      const late = message('K1', { orderingKey: 'K', dueInMs: 30 });
      await queue.enqueue([...numberedFrom(0, 2), late, ...line('K', 'K2'), message('2', { dueInMs: 60 })]);
      await until('all are due', async () => (await queue.statistics()).due === 4);
      const claims = await finish(queue, await take(queue, { limit }), next({ limit }));
      expect(claims.map(payloads)).toEqual([['0', '1'], ['K1', 'K2'], ['2']]);
    });

    test('Q7, Q10: recovered messages of a key are claimed by themselves, one after the other', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      await take(queue);
      const again = await takeAfterCrash(queue);
      await settle(queue, again.lease, [{ ...done(again.messages[0]!), kind: 'release', delayMs: 200 }]);
      await queue.enqueue(numberedFrom(0, 4));
      await until('all are due', async () => (await queue.statistics()).due === 5);
      const claims = await finish(queue, await take(queue, { limit }), next({ limit }));
      expect(
        claims
          .flat()
          .map(({ payload }) => payload)
          .filter((payload) => payload.startsWith('K')),
      ).toEqual(['K1', 'K2']);
      expect(claims.filter((batch) => batch.some(({ recovered }) => recovered)).map(payloads)).toEqual([
        ['K1'],
        ['K2'],
      ]);
      expect(claims.flat()).toHaveLength(6);
    });

    test('T1, Q10: a message that its handler’s transaction has settled lets the next one go on', async () => {
      const { queue } = await scene.queue(name);
      const letters = [1, 2, 3, 4].flatMap((at) => ['K', 'L'].flatMap((key) => line(key, `${key}${at}`)));
      await queue.enqueue(letters);
      const { lease, messages } = await take(queue, { limit });
      const second = await settle(queue, lease, messages.map(done), next({ limit }));
      const [k2, l2] = second.messages;
      await queue.transact({ ...k2!, lease, signal }, () => Promise.resolve());
      const third = await settle(queue, lease, [done(l2!)], next({ limit }));
      expect(third).toMatchObject({ unmatched: [] });
      expect(payloads(third.messages)).toEqual(['K3', 'L3']);
      const fourth = await settle(queue, lease, third.messages.map(done), next({ limit }));
      expect(payloads(fourth.messages)).toEqual(['K4', 'L4']);
    });
  });
}
