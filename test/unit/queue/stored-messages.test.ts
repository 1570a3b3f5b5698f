import type { DeadFilter, WorkQueue } from '../../../src/engine/work-queue.ts';
import { storedMessages } from '../../../src/queue/stored-messages.ts';

/** Bulk actions of an engine that finds the given number at each call, and records the calls. */
function scene(...counts: number[]) {
  const asked: [filter: DeadFilter, limit: number][] = [];
  let wakes = 0;
  const act = async (filter: DeadFilter, limit: number) => {
    asked.push([filter, limit]);
    return counts.shift() ?? 0;
  };
  const queue = { replayDead: act, discardDead: act } as Partial<WorkQueue> as WorkQueue;
  const messages = storedMessages('acme', {
    use: (action) => action(queue),
    wake: async () => {
      wakes++;
    },
    wakeAfter: () => {},
  });
  return { dead: messages.dead, asked, wakes: () => wakes };
}

describe.each(['replay', 'discard'] as const)('%s of many dead messages', (verb) => {
  test('Q13: they are taken a thousand at a time, until a call finds fewer; the tenant is woken once', async () => {
    const { dead, asked, wakes } = scene(1_000, 1_000, 3);
    const filter = { topic: 'orders' };
    expect(await dead[verb](filter)).toBe(2_003);
    expect(asked).toEqual([
      [filter, 1_000],
      [filter, 1_000],
      [filter, 1_000],
    ]);
    expect(wakes()).toBe(1);
  });

  test('Q13, F7: one is enough to wake the tenant', async () => {
    const { dead, wakes } = scene(1);
    expect(await dead[verb]()).toBe(1);
    expect(wakes()).toBe(1);
  });

  test('Q13, F6: an empty selection changes nothing and wakes no tenant', async () => {
    const { dead, asked, wakes } = scene(0);
    expect(await dead[verb]()).toBe(0);
    expect([asked.length, wakes()]).toEqual([1, 0]);
  });
});

test('Q13: a page of dead messages has 100 unless the caller says otherwise', async () => {
  const asked: unknown[] = [];
  const queue = {
    listDead: async (...given: unknown[]) => {
      asked.push(given);
      return [];
    },
  } as Partial<WorkQueue> as WorkQueue;
  const { dead } = storedMessages('acme', {
    use: (action) => action(queue),
    wake: async () => {},
    wakeAfter: () => {},
  });
  await dead.list();
  await dead.list({ topic: 'orders' }, { limit: 7, after: 5 });
  expect(asked).toStrictEqual([
    [{}, { limit: 100 }],
    [{ topic: 'orders' }, { limit: 7, after: 5 }],
  ]);
});
