/** Q4, Q10: a run that works off a backlog takes the oldest due message at each claim, also one that came back. */
import type { NewMessage } from '../../src/engine/message.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { done, finish, giveBack, message, next, payloads, retry, settle, take } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

/**
 * Makes a connection's first calls, which take long on some servers. An engine drops its knowledge of the queue after a
 * while. During such long calls it would drop that knowledge, and a test could not see that the engine relies on it for
 * too long.
 */
async function warmUp(queue: WorkQueue): Promise<void> {
  await queue.enqueue([message('first'), message('second')]);
  await finish(queue, await take(queue, { limit: 1 }), next({ limit: 1 }));
}

/** Enqueues messages that become due one after another, the first of them now. */
async function enqueueStaggered(
  queue: WorkQueue,
  messages: readonly NewMessage[],
  counted = messages.length,
) {
  await queue.enqueue(messages.map((each, nth) => ({ ...each, dueInMs: nth * 20 })));
  await until('all are due', async () => (await queue.statistics()).due === counted);
}

const keyed = (payload: string) => message(payload, { orderingKey: 'K' });

export function backlogSuite(scene: Scene): void {
  describe('a backlog of several batches', () => {
    test('Q4: a message that is released without a delay comes before those that were due later', async () => {
      const { queue } = await scene.queue('outbox');
      await warmUp(queue);
      await enqueueStaggered(
        queue,
        ['A', 'B', 'C', 'D', 'E', 'F'].map((each) => message(each)),
      );
      const run = await take(queue, { limit: 2 });
      const first = await settle(queue, run.lease, run.messages.map(done), next({ limit: 2 }));
      expect(payloads(first.messages)).toEqual(['C', 'D']);
      const [c, d] = first.messages;
      const second = await settle(queue, run.lease, [giveBack(c!), done(d!)], next({ limit: 2 }));
      expect(payloads(second.messages)).toEqual(['C', 'E']);
    });

    test('Q4: a retry without a delay comes after the messages that are due already', async () => {
      const { queue } = await scene.queue('outbox');
      await warmUp(queue);
      await enqueueStaggered(
        queue,
        ['A', 'B', 'C'].map((each) => message(each)),
      );
      const run = await take(queue, { limit: 1 });
      const seen = [payloads(run.messages)];
      let { messages } = await settle(queue, run.lease, [retry(run.messages[0]!)], next({ limit: 1 }));
      while (messages.length > 0) {
        seen.push(payloads(messages));
        ({ messages } = await settle(queue, run.lease, messages.map(done), next({ limit: 1 })));
      }
      expect(seen.flat()).toEqual(['A', 'B', 'C', 'A']);
    });

    test.each(['settle', 'transact'] as const)(
      'Q4, Q10: the next message of a key comes before those that were due later (%s)',
      async (how) => {
        const { queue } = await scene.queue('outbox');
        await warmUp(queue);
        const letters = [keyed('K1'), keyed('K2'), message('A'), message('B'), keyed('K3'), message('C')];
        // K2 and K3 are behind K1 and not counted.
        await enqueueStaggered(queue, letters, 4);
        const run = await take(queue, { limit: 1 });
        const seen = payloads(run.messages);
        let { messages } = run;
        while (messages.length > 0) {
          const [one] = messages;
          const { lease } = run;
          const isTransacted = how === 'transact' && one!.orderingKey !== null;
          if (isTransacted) {
            const signal = new AbortController().signal;
            await queue.transact({ lease, ...one!, signal }, async () => {});
          }
          const outcomes = isTransacted ? [] : [done(one!)];
          ({ messages } = await settle(queue, lease, outcomes, next({ limit: 1 })));
          seen.push(...payloads(messages));
        }
        expect(seen).toEqual(['K1', 'K2', 'A', 'B', 'K3', 'C']);
      },
    );

    if (scene.harness.promises.producersNeverBlockClaims) {
      test('Q4: a message that is committed late, and was due first, is claimed in the same run', async () => {
        const { queue, address } = await scene.queue('outbox');
        await warmUp(queue);
        const run = await scene.stage.withTransaction(
          address,
          async (transaction) => {
            await queue.enqueue([message('late')], transaction);
            await enqueueStaggered(
              queue,
              ['A', 'B', 'C', 'D', 'E'].map((each) => message(each)),
            );
            const begun = await take(queue, { limit: 2 });
            expect(payloads(begun.messages)).toEqual(['A', 'B']);
            return begun;
          },
          'commit',
        );
        const claims = await finish(queue, run, next({ limit: 2 }));
        expect(payloads(claims.flat()).sort()).toEqual(['A', 'B', 'C', 'D', 'E', 'late']);
      });
    }
  });
}
