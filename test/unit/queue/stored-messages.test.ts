import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { storedMessages } from '../../../src/queue/stored-messages.ts';

test('S2: a message and the statistics come from the queue', async () => {
  const statistics = { ready: 1 };
  const queue = {
    get: async (messageId: string) => ({ messageId }),
    statistics: async () => statistics,
  } as unknown as WorkQueue;
  const messages = storedMessages('acme', {
    use: (action) => action(queue),
    wake: async () => {},
    wakeAfter: () => {},
  });
  expect(messages.tenantId).toBe('acme');
  expect(await messages.get('m-1')).toEqual({ messageId: 'm-1' });
  expect(await messages.statistics()).toBe(statistics);
});
