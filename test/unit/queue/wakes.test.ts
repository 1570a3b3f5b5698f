import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { Wakes } from '../../../src/queue/wakes.ts';
import { deferred, turns } from '../../support/deferred.ts';

/** A queue whose transactions end as the test says, and the number of wakes. */
function scene(committed: WorkQueue['committed'] = () => Promise.reject(new Error('no transaction'))) {
  const state = { asked: 0, wakes: 0, unnoticed: 0 };
  const queue = {
    committed: (...given: Parameters<WorkQueue['committed']>) => {
      state.asked++;
      return committed(...given);
    },
  } as Partial<WorkQueue> as WorkQueue;
  const wakes = new Wakes({
    use: async (action) => action(queue),
    wake: async () => {
      state.wakes++;
    },
    wakeAfter: (end) => {
      void end.then(
        (isCommitted) => {
          if (isCommitted) state.wakes++;
        },
        () => state.unnoticed++,
      );
    },
  });
  return { wakes, state };
}

describe('the wake after an enqueue (F7)', () => {
  test.each([undefined, null])(
    'F7: without a transaction (%p) the tenant is woken at once',
    async (absent) => {
      const { wakes, state } = scene();
      await wakes.stored(absent, 'm-1');
      expect(state).toMatchObject({ asked: 0, wakes: 1 });
    },
  );

  test('F7: with a transaction the tenant is woken after the commit, once for all messages stored in it', async () => {
    const end = deferred<boolean>();
    const { wakes, state } = scene(() => end.promise);
    const transaction = {};
    for (const id of ['m-1', 'm-2']) await wakes.stored(transaction, id);
    await turns();
    expect(state.wakes).toBe(0);
    end.resolve(true);
    await turns();
    expect(state.wakes).toBe(1);
  });

  test('F7: a transaction that is a function, as Knex has it, is waited for', async () => {
    const end = deferred<boolean>();
    const { wakes, state } = scene(() => end.promise);
    await wakes.stored(() => {}, 'm-1');
    await turns();
    expect(state.wakes).toBe(0);
    end.resolve(true);
    await turns();
    expect(state.wakes).toBe(1);
  });

  test('F7: a rollback wakes no tenant', async () => {
    const { wakes, state } = scene(async () => false);
    await wakes.stored({}, 'm-1');
    await turns();
    expect(state).toMatchObject({ asked: 1, wakes: 0 });
  });

  test('F7: when the end of the transaction cannot be watched, the enqueue succeeds, and the commit is one that cannot be noticed', async () => {
    const { wakes, state } = scene(() => {
      throw new Error('the database is closed');
    });
    await wakes.stored({}, 'm-1');
    await turns();
    expect(state).toEqual({ asked: 1, wakes: 0, unnoticed: 1 });
  });
});
