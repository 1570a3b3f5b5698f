/** Q4, Q10: in which order one claim takes the messages of several ordering groups. */
import { queueNames } from '../../src/engine/work-queue.ts';
import { dead, done, line, message, payloads, settle, stored, take } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

export function orderingGroupsSuite(scene: Scene): void {
  describe.each(queueNames)('several ordering groups: %s', (name) => {
    test('Q4, Q10: of messages that are due at the same time the lower sequence goes first', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        ...line('K', 'K1'),
        ...line('L', 'L1'),
        ...line('M', 'M1'),
        ...line('L', 'L2'),
        message('A'),
        ...line('M', 'M2'),
        ...line('K', 'K2'),
        ...line('L', 'L3'),
        message('B'),
      ]);
      const { messages, more } = await take(queue);
      expect(payloads(messages)).toEqual(['K1', 'L1', 'M1', 'L2', 'A', 'M2', 'K2', 'L3', 'B']);
      expect(more).toBe(false);
    });

    test('Q4, Q10: the limit of a claim takes them in that order', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        ...line('K', 'K1', 'K2'),
        message('A'),
        ...line('L', 'L1'),
        ...line('K', 'K3'),
        ...line('L', 'L2'),
      ]);
      const run = await take(queue, { limit: 5 });
      expect(payloads(run.messages)).toEqual(['K1', 'K2', 'A', 'L1', 'K3']);
      expect(run.more).toBe(true);
    });

    test('Q10: a message that is claimed behind its head is not blocked, nor once it is settled', async () => {
      const { queue } = await scene.queue(name);
      const letters = line('K', 'K1', 'K2', 'K3');
      await queue.enqueue(letters);
      const run = await take(queue);
      const blocked = async () => {
        const records = [];
        for (const letter of letters) records.push((await stored(queue, letter)).blocked);
        return records;
      };
      expect(await blocked()).toEqual([false, false, false]);
      const [k1, k2, k3] = run.messages;
      await settle(queue, run.lease, [done(k1!), done(k2!), dead(k3!)]);
      expect(await blocked()).toEqual([false, false, false]);
    });

    test('Q4, Q10: messages behind heads come in the order in which they became due', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([
        ...line('K', 'K1'),
        ...line('L', 'L1'),
        ...line('M', 'M1'),
        message('K2', { orderingKey: 'K', dueInMs: 60 }),
        message('L2', { orderingKey: 'L', dueInMs: 30 }),
        message('M2', { orderingKey: 'M', dueInMs: 45 }),
        message('A', { dueInMs: 90 }),
      ]);
      // A is the last to become due, and the others are heads.
      await until('all are due', async () => (await queue.statistics()).due === 4);
      const { messages } = await take(queue);
      expect(payloads(messages)).toEqual(['K1', 'L1', 'M1', 'L2', 'M2', 'K2', 'A']);
    });
  });
}
