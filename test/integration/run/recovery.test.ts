import { MessageStatus } from '../../../src/engine/message.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { Snooze } from '../../../src/queue/handler.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { message, messages, orders, run, withFaults } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { takeOver } from '../../support/take-over.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
/** A queue of one host, and the same queue as another host sees it. */
async function twoHosts(): Promise<[WorkQueue, WorkQueue]> {
  return [await place.outbox(), await place.outbox()];
}

describe('after a crash (Q6, Q7)', () => {
  test('Q6, Q7: messages claimed by a crashed run are run again apart from the rest, at first one by itself', async () => {
    const [queue, crashed] = await twoHosts();
    await queue.enqueue(messages(3));
    await takeOver(crashed);
    await queue.enqueue(['a', 'b', 'c', 'd'].map((payload) => message(payload)));
    let running = 0;
    const seen: [payload: string, attempt: number, others: number][] = [];
    const both = deferred();
    const handler = orders(async ({ payload }, { attempt, fence }) => {
      expect(fence).toBe(2);
      running++;
      seen.push([payload, attempt, running - 1]);
      if (payload >= 'a') {
        if (running === 4) both.resolve();
        await both.promise;
      } else {
        await turns();
      }
      running--;
    });
    const report = await run(queue, [handler], { dispatch: { handlerTimeoutMs: '5s' } });
    expect(report.counts).toMatchObject({ done: 7, recovered: 3, lost: 0, retried: 0 });
    expect(seen).toEqual([
      ['1', 2, 0],
      ['2', 2, 0],
      ['3', 2, 1],
      ['a', 1, 0],
      ['b', 1, 1],
      ['c', 1, 2],
      ['d', 1, 3],
    ]);
  });

  test('Q7: a recovered message, due beside others, waits until no other is in flight', async () => {
    const [queue, crashed] = await twoHosts();
    await queue.enqueue([message('poison')]);
    await takeOver(crashed);
    await queue.enqueue(messages(4));
    let refusedBesideOthers = 0;
    const watched = withFaults(queue, {
      settle: async (real, request) => {
        const settled = await real(request);
        const beside = request.then.do === 'claim' && !request.then.solo;
        if (beside && settled.onlySolo) refusedBesideOthers++;
        return settled;
      },
    });
    const running = new Set<string>();
    const attempts: number[] = [];
    const handler = orders(async ({ payload }, { attempt }) => {
      running.add(payload);
      if (payload === 'poison') {
        attempts.push(attempt);
        expect([...running]).toEqual(['poison']);
        running.delete(payload);
        // After its release it still counts as recovered; the first others are claimed before it is due again.
        if (attempts.length === 1) throw new Snooze(1);
        return;
      }
      // Wait until the poison message is due again, and a claim beside this message was refused because of it.
      if (payload === '4') await until('the claim is refused', () => refusedBesideOthers > 0);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running.delete(payload);
    });
    const report = await run(watched, [handler], {
      dispatch: { batchSize: 2, concurrency: 4, handlerTimeoutMs: '10s', leaseMs: 300 },
    });
    expect(report.counts).toMatchObject({ done: 5, released: 1, retried: 0, recovered: 1 });
    expect(attempts).toEqual([2, 2]);
    // The claim was refused once: the run then waits for the other messages, and does not ask again and again.
    expect(refusedBesideOthers).toBe(1);
  });

  test('Q7: a message that crashed run after run goes to Dead without being run', async () => {
    const [queue, crashed] = await twoHosts();
    const [sent] = messages(1);
    await queue.enqueue([sent!]);
    await takeOver(crashed);
    await takeOver(crashed);
    let starts = 0;
    const report = await run(queue, [orders(() => starts++)], { retry: { maxAttempts: 2 } });
    expect(starts).toBe(0);
    expect(report.counts).toMatchObject({ dead: 1, done: 0 });
    expect(await queue.get(sent!.messageId)).toMatchObject({
      status: MessageStatus.Dead,
      attempts: 2,
      lastError: expect.stringContaining('was started 2 times (the maximum is 2)'),
    });
  });

  test("Q7: a handler's own maximum of attempts replaces the fleet's", async () => {
    const [queue, crashed] = await twoHosts();
    await queue.enqueue(messages(1));
    for (let crash = 0; crash < 3; crash++) await takeOver(crashed);
    const handler = orders(() => {}, { retry: { maxAttempts: 4 } });
    expect((await run(queue, [handler], { retry: { maxAttempts: 1 } })).counts).toMatchObject({ done: 1 });
  });
});
