/** T1: a handler's own writes and the outcome of its message are committed together, or not at all. */
import { MessageStatus } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { deferred } from '../support/deferred.ts';
import {
  begin,
  type ClaimedRun,
  done,
  keep,
  line,
  message,
  next,
  payloads,
  settle,
  stored,
  take,
  takeAfterCrash,
} from './run.ts';
import type { Scene, SceneQueue } from './scene.ts';
import { until } from './until.ts';

const never = new AbortController().signal;

export function transactSuite(scene: Scene): void {
  /** The handlers' own writes: messages of the outbox, which every engine can write in a transaction. */
  const writer = ({ database }: SceneQueue) => {
    const outbox = database.queue('outbox');
    return {
      write: (payload: string, transaction: unknown) => outbox.enqueue([message(payload)], transaction),
      written: async () => (await outbox.statistics()).ready,
    };
  };
  const requestOf = ({ lease, messages }: ClaimedRun, signal = never, nth = 0) => ({
    lease,
    sequence: messages[nth]!.sequence,
    messageId: messages[nth]!.messageId,
    signal,
  });

  describe.each(queueNames)('a handler’s transaction: %s', (name) => {
    test('T1: the writes and the outcome are committed together', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { write, written } = writer(place);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      const result = await queue.transact(requestOf(run), async (transaction) => {
        await write('effect', transaction);
        return 'result';
      });
      expect(result).toBe('result');
      expect(await written()).toBe(1);
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Done, attempts: 1 });
      expect((await settle(queue, run.lease, run.messages.map(done), keep)).unmatched).toHaveLength(1);
    });

    test('T1: an error rolls the transaction back, and the run can still settle the message', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { write, written } = writer(place);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      const failure = new Error('the handler’s own');
      const failing = queue.transact(requestOf(run), async (transaction) => {
        await write('effect', transaction);
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      expect(await written()).toBe(0);
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Claimed });
      expect(await settle(queue, run.lease, run.messages.map(done))).toMatchObject({ unmatched: [] });
    });

    test('T1, Q6: a message that a newer run has claimed is lost, and its writes are rolled back', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue([message('A')]);
      const first = await take(queue);
      const second = await takeAfterCrash(queue);
      const late = queue.transact(requestOf(first), (transaction) => write('late', transaction));
      await expect(late).rejects.toMatchObject({ code: 'LEASE_LOST', tenantId: place.address.id });
      expect(await written()).toBe(0);
      await queue.transact(requestOf(second), (transaction) => write('effect', transaction));
      expect(await written()).toBe(1);
    });

    test('T1: when the signal aborts, the transaction is rolled back at once, and later writes are refused', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const stop = new AbortController();
      const goOn = deferred<void>();
      const late = deferred<unknown>();
      const stopped = queue.transact(requestOf(run, stop.signal), async (transaction) => {
        await write('effect', transaction);
        stop.abort(new Error('time is up'));
        await goOn.promise;
        late.resolve(await write('late', transaction).catch((error: unknown) => error));
      });
      await expect(stopped).rejects.toThrow('time is up');
      goOn.resolve();
      expect(await late.promise).toMatchObject({ name: 'MultiOutboxError' });
      expect(await written()).toBe(0);
      expect(await settle(queue, run.lease, run.messages.map(done), keep)).toMatchObject({ unmatched: [] });
      const refused = queue.transact(requestOf(run, stop.signal), async () => {
        throw new Error('was called');
      });
      await expect(refused).rejects.toThrow('time is up');
    });

    test('T3: writes after the signal are refused, and do not delay others', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const stop = new AbortController();
      const ended = deferred<unknown>();
      let late = 0;
      const stopped = queue.transact(requestOf(run, stop.signal), async (transaction) => {
        try {
          await write('effect', transaction);
          // In databases where writing takes time, this fires while a later write is under way.
          setTimeout(() => stop.abort(new Error('time is up')), 10);
          while (late < 100) {
            await write('effect', transaction);
            if (stop.signal.aborted) late++;
            await new Promise((resolve) => setImmediate(resolve));
          }
        } catch (error) {
          ended.resolve(error);
          throw error;
        }
        ended.resolve('went on');
      });
      await expect(stopped).rejects.toThrow('time is up');
      expect(await ended.promise).toMatchObject({ name: 'MultiOutboxError' });
      // Only the writes before the signal were made.
      expect(late).toBeLessThan(10);
      expect(await written()).toBe(0);
      expect(await settle(queue, run.lease, run.messages.map(done), keep)).toMatchObject({ unmatched: [] });
    });
  });

  describe('handlers’ transactions', () => {
    test('Q10: the next message of the ordering group is unblocked', async () => {
      const { queue } = await scene.queue('outbox');
      await queue.enqueue([...line('K', 'A', 'B', 'C'), ...line('L', 'X', 'Y')]);
      const run = await take(queue, { limit: 1 });
      expect(payloads(run.messages)).toEqual(['A']);
      await queue.transact(requestOf(run), async () => {});
      const settled = await settle(queue, run.lease, [], next());
      expect(payloads(settled.messages).sort()).toEqual(['B', 'C', 'X', 'Y']);
    });

    test('T1: several at once, and the run’s calls meanwhile', async () => {
      const place = await scene.queue('inbox');
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue(['A', 'B', 'C', 'D', 'E'].map((payload) => message(payload)));
      const run = await take(queue);
      const running = run.messages.slice(0, 4).map((_, nth) =>
        queue.transact(requestOf(run, never, nth), async (transaction) => {
          await write(`effect ${nth}`, transaction);
          let turns = 0;
          await until('others had their turn', async () => ++turns > 2);
        }),
      );
      const settled = settle(queue, run.lease, [done(run.messages[4]!)], keep);
      const enqueued = queue.enqueue([message('F')]);
      await Promise.all([...running, settled, enqueued]);
      expect(await settled).toMatchObject({ lease: 'renewed', unmatched: [] });
      expect(await written()).toBe(4);
      expect(await queue.statistics()).toMatchObject({ done: 5, ready: 1, claimed: 0 });
    });

    test('T1: an open transaction holds up neither the renewal nor other tenants for long', async () => {
      const place = await scene.queue('inbox');
      const other = await scene.queue('inbox');
      const { queue } = place;
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue);
      const goOn = deferred<void>();
      const open = deferred<void>();
      const transacting = queue.transact(requestOf(run), async () => {
        open.resolve();
        await goOn.promise;
      });
      await open.promise;
      const renewed = settle(queue, run.lease, [], keep);
      await other.queue.enqueue([message('X')]);
      expect(payloads((await take(other.queue)).messages)).toEqual(['X']);
      if (scene.harness.promises.producersNeverBlockClaims) {
        expect(await renewed).toMatchObject({ lease: 'renewed' });
      }
      goOn.resolve();
      await transacting;
      expect(await renewed).toMatchObject({ lease: 'renewed' });
    });

    test('T3: where an open transaction keeps the lease from being renewed, it ends before the lease does', async () => {
      const place = await scene.queue('inbox');
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue([message('A')]);
      const run = await take(queue, { durationMs: 1_000 });
      const goOn = deferred<void>();
      const open = deferred<void>();
      const transacting = queue.transact(requestOf(run), async (transaction) => {
        await write('effect', transaction);
        open.resolve();
        await goOn.promise;
      });
      const ended = transacting.catch((error: unknown) => error);
      await open.promise;
      if (scene.harness.promises.producersNeverBlockClaims) {
        // Several times as long as the lease.
        const startedAt = performance.now();
        await until('the lease was renewed for long', async () => {
          expect(await settle(queue, run.lease, [], keep, { leaseMs: 1_000 })).toMatchObject({
            lease: 'renewed',
          });
          return performance.now() - startedAt > 2_500;
        });
        goOn.resolve();
        await transacting;
        expect(await written()).toBe(1);
        return;
      }
      const renewed = settle(queue, run.lease, [], keep);
      expect(await ended).toMatchObject({
        code: 'ABORTED',
        tenantId: place.address.id,
        message: expect.stringContaining('raise MULTI_OUTBOX_LEASE'),
      });
      goOn.resolve();
      expect(await renewed).toMatchObject({ lease: 'renewed' });
      expect(await written()).toBe(0);
      await queue.transact(requestOf(run), (transaction) => write('effect', transaction));
      expect(await written()).toBe(1);
    });

    test('T1: only a claimed message of this very fence is settled', async () => {
      const place = await scene.queue('inbox');
      const { queue } = place;
      const { write, written } = writer(place);
      const waiting = message('B');
      await queue.enqueue([message('A'), waiting]);
      const run = await take(queue, { limit: 1 });
      const { sequence, messageId } = await stored(queue, waiting);
      const attempts = [
        { ...requestOf(run), sequence, messageId },
        { ...requestOf(run), sequence: sequence + 1_000_000 },
        { ...requestOf(run), lease: { ...run.lease, fence: run.lease.fence + 1 } },
      ];
      for (const request of attempts) {
        const refused = queue.transact(request, (transaction) => write('effect', transaction));
        await expect(refused).rejects.toMatchObject({ code: 'LEASE_LOST' });
      }
      expect(await written()).toBe(0);
      expect(await stored(queue, waiting)).toMatchObject({ status: MessageStatus.Ready });
    });

    test('T1: a run that ends while a transaction is open loses its message to the next', async () => {
      const place = await scene.queue('inbox');
      const { queue } = place;
      const { write, written } = writer(place);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const late = queue.transact(requestOf(run), async (transaction) => {
        await write('late', transaction);
        if (scene.harness.promises.producersNeverBlockClaims) {
          const second = await takeAfterCrash(queue);
          expect(second.messages).toMatchObject([{ payload: 'A', recovered: true }]);
        } else {
          throw new Error('no other run can begin meanwhile');
        }
      });
      await expect(late).rejects.toThrow();
      expect(await written()).toBe(0);
      expect(await begin(queue, { owner: 'host-1' })).toMatchObject({ status: 'claimed' });
    });
  });
}
