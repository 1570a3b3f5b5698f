/** Q5, Q6, Q7: the messages of a crashed run, and their recovery. */
import { MessageStatus } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { orders, run as runQueue } from '../support/queue-run.ts';
import {
  anHour,
  begin,
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
import { until } from './until.ts';

export function recoverySuite(scene: Scene): void {
  describe.each(queueNames)('recovery: %s', (name) => {
    test('Q6: a crashed run’s messages are Ready for the next run as soon as the lease has run out', async () => {
      const { queue, address } = await scene.queue(name);
      const letters = ['A', 'B', 'C'].map((payload) => message(payload));
      await queue.enqueue(letters);
      const crashed = await take(queue, { owner: 'host-1', durationMs: 200 });
      const other = scene.open(address, scene.anotherHost()).queue(name);
      const run = await until('the lease can be taken', async () => {
        const result = await begin(other, { owner: 'host-2' });
        return result.status === 'claimed' && result;
      });
      expect(run.recovered).toBe(3);
      expect(run.lease.fence).toBeGreaterThan(crashed.lease.fence);
      expect(run.messages).toMatchObject([{ payload: 'A', attempt: 2, recovered: true }]);
      expect(await stored(queue, letters[1]!)).toMatchObject({
        status: MessageStatus.Ready,
        attempts: 1,
        recovered: true,
        blocked: false,
      });
    });

    test('Q6: a lease that was released with claims still open is recovered from too', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const careless = await take(queue);
      await settle(queue, careless.lease, [done(careless.messages[0]!)], release);
      const run = await take(queue, { owner: 'host-2' });
      expect(run).toMatchObject({ recovered: 1, messages: [{ payload: 'B', attempt: 2, recovered: true }] });
    });

    test('Q7: recovered messages run one at a time, oldest first, and the rest after them', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B'), message('C')]);
      await take(queue);
      await queue.enqueue([message('D'), message('E')]);
      const run = await takeAfterCrash(queue);
      expect(run).toMatchObject({ recovered: 3, more: true });
      const claims = await finish(queue, run);
      expect(claims.map(payloads)).toEqual([['A'], ['B'], ['C'], ['D', 'E']]);
    });

    test('Q7: several recovered messages come together when the run asks for them', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(['A', 'B', 'C', 'D', 'E', 'F'].map((payload) => message(payload)));
      await take(queue);
      await queue.enqueue([message('younger')]);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['A']);
      const two = await settle(queue, run.lease, run.messages.map(done), next({ together: 2 }));
      expect(payloads(two.messages)).toEqual(['B', 'C']);
      expect(two).toMatchObject({ more: true, onlySolo: false });
      const beside = await settle(queue, run.lease, [], next({ solo: false, together: 2 }));
      expect(beside).toMatchObject({ messages: [], more: true, onlySolo: true });
      const rest = await settle(queue, run.lease, two.messages.map(done), next({ together: 8 }));
      expect(payloads(rest.messages)).toEqual(['D', 'E', 'F']);
      expect(rest.more).toBe(true);
      const last = await settle(queue, run.lease, rest.messages.map(done), next({ together: 16 }));
      expect(payloads(last.messages)).toEqual(['younger']);
    });

    test('Q7: a recovered message that was started more than once comes together with no other', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('older'), message('A')]);
      const crashed = await take(queue);
      const [older, a] = crashed.messages;
      await settle(queue, crashed.lease, [giveBack(older!), retry(a!)], keep);
      await queue.enqueue([message('B')]);
      const again = await settle(queue, crashed.lease, [], next());
      expect(payloads(again.messages)).toEqual(['older', 'A', 'B']);
      await settle(queue, crashed.lease, [giveBack(older!)], keep);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['older']);
      const claims = await finish(queue, run, next({ together: 8 }));
      expect(claims.map(payloads)).toEqual([['older'], ['A'], ['B']]);
    });

    test('Q7: recovered messages come together with none that was retried, not recovered', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(['older', 'recovered', 'retried'].map((payload) => message(payload)));
      const crashed = await take(queue);
      const [older, , retried] = crashed.messages;
      await settle(queue, crashed.lease, [giveBack(older!), retry(retried!)], keep);
      const run = await takeAfterCrash(queue);
      const claims = await finish(queue, run, next({ together: 8 }));
      expect(claims.map(payloads)).toEqual([['older'], ['recovered'], ['retried']]);
    });

    test('Q7, Q9: a run takes more and more of the recovered messages at once, as they prove harmless', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(Array.from({ length: 60 }, (_, index) => message(`${index}`)));
      await take(queue);
      const report = await runQueue(queue, [orders(() => {})]);
      expect(report.counts).toMatchObject({ done: 60, recovered: 60 });
      // 1, 2, 4, 8, 16, and the rest; each call settles what the last one claimed.
      expect(report.roundTrips).toBe(7);
    });

    test('Q7: with fewer than five attempts each recovered message runs alone', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(Array.from({ length: 6 }, (_, index) => message(`${index}`)));
      await take(queue);
      const report = await runQueue(queue, [orders(() => {})], { retry: { maxAttempts: 4 } });
      expect(report.counts).toMatchObject({ done: 6, recovered: 6 });
      expect(report.roundTrips).toBe(7);
    });

    test('Q5, Q7: messages that were claimed together when their run crashed run alone from then on', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(['A', 'B', 'C'].map((payload) => message(payload)));
      await take(queue);
      const run = await takeAfterCrash(queue);
      const two = await settle(queue, run.lease, run.messages.map(done), next({ together: 2 }));
      expect(payloads(two.messages)).toEqual(['B', 'C']);
      const again = await takeAfterCrash(queue);
      expect(again.messages).toMatchObject([{ payload: 'B', attempt: 3, recovered: true }]);
      const alone = await settle(queue, again.lease, again.messages.map(done), next({ together: 8 }));
      expect(alone.messages).toMatchObject([{ payload: 'C', attempt: 3, recovered: true }]);
    });

    test('Q7, Q10: recovered messages of one ordering group come together too, in their order', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2', 'K3', 'K4'), message('A')]);
      await take(queue);
      await queue.enqueue(line('K', 'K5'));
      const run = await takeAfterCrash(queue);
      const claims = await finish(queue, run, next({ together: 8 }));
      expect(claims.map(({ length }) => length)).toEqual([1, 4, 1]);
      const inGroup = claims.flat().filter(({ orderingKey }) => orderingKey !== null);
      expect(payloads(inGroup)).toEqual(['K1', 'K2', 'K3', 'K4', 'K5']);
    });

    test('Q4, Q7: older messages go before a recovered one, younger ones wait for it', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'older'));
      await queue.enqueue([message('recovered')]);
      // `older` is blocked while K1 is in flight; `recovered` is claimed meanwhile and crashes.
      const first = await take(queue, { limit: 1 });
      const second = await settle(queue, first.lease, [], next({ solo: false }));
      expect(payloads([...first.messages, ...second.messages])).toEqual(['K1', 'recovered']);
      await settle(queue, first.lease, first.messages.map(done), keep);
      await queue.enqueue([message('younger')]);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['older']);
      expect(run).toMatchObject({ recovered: 1, more: true, nextDueInMs: 0 });
      const third = await settle(queue, run.lease, run.messages.map(done), next());
      expect(third.messages).toMatchObject([{ payload: 'recovered', recovered: true }]);
      expect(third).toMatchObject({ more: true, nextDueInMs: 0 });
      const fourth = await settle(queue, run.lease, third.messages.map(done), next());
      expect(payloads(fourth.messages)).toEqual(['younger']);
      expect(fourth).toMatchObject({ more: false, nextDueInMs: null });
    });

    test('Q7: a recovered message is not handed out while anything else is in flight', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      await take(queue);
      await queue.enqueue([message('C')]);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['A']);
      const busy = await settle(queue, run.lease, [], next({ solo: false }));
      expect(busy).toMatchObject({ lease: 'renewed', messages: [], more: true, nextDueInMs: 0 });
      const free = await settle(queue, run.lease, run.messages.map(done), next({ solo: true }));
      expect(free.messages).toMatchObject([{ payload: 'B', recovered: true }]);
      expect(free.more).toBe(true);
    });

    test('Q5, Q7: a message that keeps killing its process uses up its own attempts and no others', async () => {
      const { queue } = await scene.queue(name);
      const [killer, mate] = [message('killer'), message('mate')];
      await queue.enqueue([killer, mate]);
      await take(queue);
      for (const attempt of [2, 3, 4]) {
        const run = await takeAfterCrash(queue);
        expect(run.messages).toMatchObject([{ payload: 'killer', attempt, recovered: true }]);
      }
      const last = await takeAfterCrash(queue);
      expect(last).toMatchObject({ recovered: 1, messages: [{ payload: 'killer', attempt: 5 }] });
      const settled = await settle(
        queue,
        last.lease,
        [{ ...dead(last.messages[0]!, 'attempts used up'), unstarted: true }],
        next(),
      );
      expect(settled.messages).toMatchObject([{ payload: 'mate', attempt: 2 }]);
      expect(await stored(queue, killer)).toMatchObject({ status: MessageStatus.Dead, attempts: 4 });
    });

    test.each([
      ['done', done],
      ['dead', dead],
    ] as const)('Q7: a recovered message that is %s is not recovered any more', async (_, outcome) => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      await take(queue);
      const run = await takeAfterCrash(queue);
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => outcome(each)),
      );
      expect(await stored(queue, letter)).toMatchObject({ attempts: 2, recovered: false });
    });

    test('Q7: a recovered message becomes an ordinary one when it settles', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      await take(queue);
      const run = await takeAfterCrash(queue);
      await queue.enqueue([message('B')]);
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => retry(each)),
      );
      const again = await take(queue);
      expect(again.messages.map(({ payload, recovered }) => [payload, recovered]).sort()).toEqual([
        ['A', false],
        ['B', false],
      ]);
    });

    test('Q6: messages that the crashed run had settled stay settled', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(['done', 'retry', 'dead', 'open'].map((payload) => message(payload)));
      const crashed = await take(queue);
      const [a, b, c] = crashed.messages;
      await settle(queue, crashed.lease, [done(a!), retry(b!, anHour), dead(c!)], keep);
      const run = await takeAfterCrash(queue);
      expect(run.recovered).toBe(1);
      expect(payloads(run.messages)).toEqual(['open']);
      await settle(queue, run.lease, run.messages.map(done));
      expect(await queue.statistics()).toMatchObject({ done: 2, ready: 1, dead: 1, claimed: 0 });
    });

    test('Q7: a recovered message does not run beside others of its ordering group', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([...line('K', 'K1', 'K2'), message('A')]);
      await take(queue);
      await queue.enqueue(line('K', 'K3'));
      const claims = (await finish(queue, await takeAfterCrash(queue))).map(payloads);
      for (const claim of claims)
        if (claim.includes('K1') || claim.includes('K2')) expect(claim).toHaveLength(1);
      expect(claims.flat().filter((payload) => payload.startsWith('K'))).toEqual(['K1', 'K2', 'K3']);
      expect(claims.flat().sort()).toEqual(['A', 'K1', 'K2', 'K3']);
    });

    test('Q7, Q10: a recovered message in the middle of a group delays no other message', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const crashed = await take(queue);
      await settle(queue, crashed.lease, [retry(crashed.messages[0]!)], keep);
      await queue.enqueue([message('A')]);
      const run = await takeAfterCrash(queue);
      // K2 is claimed by itself, once K1 is settled.
      expect(payloads(run.messages)).toEqual(['K1', 'A']);
      expect(run).toMatchObject({ recovered: 1, more: true });
      const second = await settle(queue, run.lease, run.messages.map(done), next());
      expect(second.messages).toMatchObject([{ payload: 'K2', recovered: true }]);
    });

    test('Q7, Q10: nor does it when the run asks for several recovered messages together', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2'));
      const crashed = await take(queue);
      await settle(queue, crashed.lease, [retry(crashed.messages[0]!)], keep);
      const run = await takeAfterCrash(queue);
      expect(payloads(run.messages)).toEqual(['K1']);
      await settle(queue, run.lease, [retry(run.messages[0]!)], keep);
      await queue.enqueue([message('A')]);
      const second = await settle(queue, run.lease, [], next({ together: 8 }));
      expect(payloads(second.messages)).toEqual(['K1', 'A']);
      expect(second.more).toBe(true);
      const third = await settle(queue, run.lease, second.messages.map(done), next({ together: 8 }));
      expect(third.messages).toMatchObject([{ payload: 'K2', recovered: true }]);
    });

    test('Q7, Q10: a claim ends before a recovered message in the middle of a group', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(line('K', 'K1', 'K2', 'K3'));
      const crashed = await take(queue);
      expect(payloads(crashed.messages)).toEqual(['K1', 'K2', 'K3']);
      await settle(queue, crashed.lease, [retry(crashed.messages[0]!)], keep);
      const run = await takeAfterCrash(queue);
      expect(run).toMatchObject({ recovered: 2, more: true });
      expect(run.messages).toMatchObject([{ payload: 'K1', recovered: false, attempt: 2 }]);
      const second = await settle(queue, run.lease, run.messages.map(done), next());
      expect(second.messages).toMatchObject([{ payload: 'K2', recovered: true, attempt: 2 }]);
      const third = await settle(queue, run.lease, second.messages.map(done), next());
      expect(third.messages).toMatchObject([{ payload: 'K3', recovered: true, attempt: 2 }]);
    });
  });
}
