/** Q8: a run that goes on while its database is restored. */
import { MessageStatus } from '../../../src/engine/message.ts';
import { deferred } from '../../support/deferred.ts';
import { message, orders, run, withFaults } from '../../support/queue-run.ts';
import { backUpFile } from '../../support/sqlite-backup.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();
const file = () => place.file('tenants/acme.db');

/** A handler that works on each message until the gate opens. */
function gated() {
  const gate = deferred();
  const started: string[] = [];
  const handler = orders(async ({ payload }) => {
    started.push(payload);
    await gate.promise;
  });
  return { gate, started, handler };
}

describe('a restore during a run', () => {
  test('Q8: a message that the run claims again is not started twice, and is settled', async () => {
    const queue = await place.outbox();
    const late = message('late', { dueInMs: 100 });
    await queue.enqueue([message('first'), late]);
    const { gate, started, handler } = gated();
    const running = run(queue, [handler]);
    await until('the first is started', () => started.length === 1);
    // The run holds its lease, and has not claimed the second message.
    const restore = backUpFile(file());
    await until('the second is started', () => started.length === 2);
    await restore();
    await until('the run has claimed it again', async () => {
      const stored = await queue.get(late.messageId);
      return stored?.status === MessageStatus.Claimed;
    });
    gate.resolve();
    const { counts } = await running;
    expect(started).toEqual(['first', 'late']);
    expect(counts).toMatchObject({ done: 2, lost: 0, retried: 0 });
    expect(await queue.statistics()).toMatchObject({ done: 2, claimed: 0, ready: 0 });
  });

  test('Q8, T1, D5: a message whose commit the restore has undone, and which the run claims again, is handled again', async () => {
    const queue = await place.outbox();
    const late = message('late', { dueInMs: 100 });
    await queue.enqueue([message('first'), late]);
    const gate = deferred();
    const started: string[] = [];
    const handler = orders(async ({ payload }, { transaction }) => {
      started.push(payload);
      if (payload === 'first') await gate.promise;
      else await transaction(() => {});
    });
    let restore: (() => Promise<void>) | undefined;
    const restored = withFaults(queue, {
      transact: async (real, request, work) => {
        const result = await real(request, work);
        await restore?.();
        restore = undefined;
        await until('the run has claimed it again', async () => {
          const stored = await queue.get(late.messageId);
          return stored?.status !== MessageStatus.Ready;
        });
        return result;
      },
    });
    const running = run(restored, [handler]);
    await until('the first is started', () => started.length === 1);
    restore = backUpFile(file());
    await until('the second is started again', () => started.length === 3);
    gate.resolve();
    expect((await running).counts).toMatchObject({ done: 3, released: 1, lost: 0 });
    expect(started).toEqual(['first', 'late', 'late']);
    expect(await queue.statistics()).toMatchObject({ done: 2, claimed: 0, ready: 0 });
  });

  test('Q8: the outcome of a message that is gone does not settle the one that has its sequence', async () => {
    const queue = await place.outbox();
    await queue.enqueue([message('first')]);
    const { gate, started, handler } = gated();
    const running = run(queue, [handler]);
    await until('the first is started', () => started.length === 1);
    const restore = backUpFile(file());
    await queue.enqueue([message('gone')]);
    await until('the second is started', () => started.length === 2);
    await restore();
    const fresh = message('fresh');
    await queue.enqueue([fresh]);
    await until('the message that has its sequence is started', () => started.length === 3);
    gate.resolve();
    await running;
    expect(started).toEqual(['first', 'gone', 'fresh']);
    expect(await queue.statistics()).toMatchObject({ done: 2, claimed: 0, ready: 0 });
  });
});
