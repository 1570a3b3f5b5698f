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

test.each(['list', 'count', 'replay', 'discard'] as const)(
  'Q13: dead.%s refuses a filter that is not an object, and asks no database',
  async (verb) => {
    const { dead, asked } = scene(1);
    for (const filter of [null, 'orders'])
      await expect(dead[verb](filter as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(`dead.${verb}: the options must be an object`),
      });
    expect(asked).toEqual([]);
  },
);

test('Q13: dead.list refuses a page that is not an object', async () => {
  await expect(scene().dead.list({}, 7 as never)).rejects.toThrow('dead.list: the options must be an object');
});

test('S2: a message, the statistics and the number of dead messages come from the queue', async () => {
  const statistics = { ready: 1 };
  const queue = {
    get: async (messageId: string) => ({ messageId }),
    statistics: async () => statistics,
    countDead: async (filter: DeadFilter) => (filter.topic === 'orders' ? 7 : 9),
  } as unknown as WorkQueue;
  const messages = storedMessages('acme', {
    use: (action) => action(queue),
    wake: async () => {},
    wakeAfter: () => {},
  });
  expect(messages.tenantId).toBe('acme');
  expect(await messages.get('m-1')).toEqual({ messageId: 'm-1' });
  expect(await messages.statistics()).toBe(statistics);
  expect([await messages.dead.count({ topic: 'orders' }), await messages.dead.count()]).toEqual([7, 9]);
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
