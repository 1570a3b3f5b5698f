/** D4: parked messages of a topic that a host handles become due as soon as that host begins a run. */
import { randomUUID } from 'node:crypto';
import type { NewMessage } from '../../src/engine/message.ts';
import type { HandledTopic, WorkQueue } from '../../src/engine/work-queue.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import { until } from '../support/until.ts';
import { anHour, begin, done, message, next, park, payloads, release, settle, take } from './run.ts';
import type { Scene } from './scene.ts';

export function parkingSuite(scene: Scene): void {
  describe.each(queueNames)('parked messages: %s', (name) => {
    async function withParked(...letters: NewMessage[]): Promise<WorkQueue> {
      const { queue } = await scene.queue(name);
      await queue.enqueue(letters);
      const run = await take(queue);
      const outcomes = run.messages.map((each) => park(each, anHour));
      await settle(queue, run.lease, outcomes, release);
      return queue;
    }
    const letter = (payload: string, topic: string) => message(payload, { topic });
    const handling = (...topics: string[]): { handled: HandledTopic[] } => ({
      handled: topics.map((topic) => ({ topic })),
    });

    test('D4: a run of a host that handles the topic takes them at once', async () => {
      const queue = await withParked(
        letter('new 1', 'new'),
        letter('other', 'other'),
        letter('new 2', 'new'),
      );
      const run = await take(queue, handling('new', 'unused'));
      expect(payloads(run.messages)).toEqual(['new 1', 'new 2']);
      expect(run.messages).toMatchObject([{ attempt: 1, parks: 1 }, { attempt: 1 }]);
      expect(run.parked).toEqual({ topics: ['other'], more: false });
      const rest = await settle(queue, run.lease, run.messages.map(done), next());
      expect(rest.messages).toEqual([]);
      expect(rest.nextDueInMs).toBeGreaterThan(anHour / 2);
      expect(await queue.statistics()).toMatchObject({ parked: 1, done: 2 });
    });

    test('D4, Q9: for any other host the tenant is idle, and the call names the topics', async () => {
      const queue = await withParked(letter('a', 'alpha'), letter('b', 'beta'), letter('a2', 'alpha'));
      const idle = await begin(queue, handling('unused'));
      expect(idle).toMatchObject({ status: 'idle', messages: [] });
      if (idle.status !== 'idle') throw new Error('not idle');
      expect([...idle.parked.topics].sort()).toEqual(['alpha', 'beta']);
      expect(idle.parked.more).toBe(false);
      expect(idle.nextDueInMs).toBeGreaterThan(anHour / 2);
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
    });

    test('D4: a tenant without parked messages names no topic', async () => {
      const { queue } = await scene.queue(name);
      expect(await begin(queue, handling('new'))).toMatchObject({ parked: { topics: [], more: false } });
    });

    test('S3, D4: a parked message that is rescheduled is due after its new delay, also for a host with its handler', async () => {
      const new1 = letter('new 1', 'new');
      const queue = await withParked(new1);
      const { messageId } = new1;
      expect(await queue.act({ do: 'reschedule', delayMs: anHour / 2 }, [{ messageId }])).toHaveLength(1);
      const idle = await begin(queue, handling('new'));
      expect(idle).toMatchObject({ status: 'idle', messages: [], parked: { topics: [] } });
      if (idle.status !== 'idle') throw new Error('not idle');
      expect(idle.nextDueInMs).toBeGreaterThan(anHour / 4);
    });

    test('D4: topics are compared case-insensitively', async () => {
      const queue = await withParked(letter('A', 'New.Topic'));
      const run = await take(queue, handling('new.TOPIC'));
      expect(payloads(run.messages)).toEqual(['A']);
    });

    test('D4: a topic that sorts before all others is found: the empty one, stored by plain SQL', async () => {
      const { queue, address } = await scene.queue(name);
      await scene.stage.insertRow(address, name, { Topic: `''`, Payload: `'empty'` });
      const first = await take(queue);
      await settle(queue, first.lease, [park(first.messages[0]!, anHour)], release);
      const run = await take(queue, handling(''));
      expect(payloads(run.messages)).toEqual(['empty']);
    });

    test('I4, D4: a host that handles one source leaves the others parked', async () => {
      const from = (source: string) => message(source, { topic: 'new', source, dedupKey: randomUUID() });
      const queue = await withParked(from('a'), from('b'));
      const run = await take(queue, { handled: [{ topic: 'new', source: 'b' }] });
      expect(payloads(run.messages)).toEqual(['b']);
      expect(run.parked.topics).toEqual(['new']);
    });

    test('D4, Q4: they come behind the messages that are due, and messages that are not due stay', async () => {
      const queue = await withParked(letter('parked', 'new'));
      await queue.enqueue([letter('due', 'new'), message('later', { topic: 'new', dueInMs: anHour })]);
      // Messages that are due in the same millisecond come in the order of their sequences.
      const enqueuedAt = Date.now();
      await until('the next millisecond', () => Date.now() > enqueuedAt + 1);
      const run = await take(queue, handling('new'));
      expect(payloads(run.messages)).toEqual(['due', 'parked']);
    });

    test('D4, Q10: a parked head comes with its ordering group behind it', async () => {
      const [k1, k2] = [letter('K1', 'new'), letter('K2', 'old')].map((each) => ({
        ...each,
        orderingKey: 'K',
      }));
      const { queue } = await scene.queue(name);
      await queue.enqueue([k1!, k2!]);
      const old = await take(queue, { limit: 1 });
      await settle(queue, old.lease, [park(old.messages[0]!, anHour)], release);
      const run = await take(queue, handling('new', 'old'));
      expect(payloads(run.messages)).toEqual(['K1', 'K2']);
    });

    test('D4: a handled topic becomes due although more topics than one call looks at are parked before it', async () => {
      const { queue } = await scene.queue(name);
      const others = Array.from({ length: 1_050 }, (_, index) =>
        message('other', { topic: 'other', source: `source ${index}`, dedupKey: randomUUID() }),
      );
      await queue.enqueue([...others, letter('last', 'unlike')]);
      const first = await take(queue, { limit: 2_000 });
      const outcomes = first.messages.map((each) => park(each, anHour));
      expect(outcomes).toHaveLength(1_051);
      await settle(queue, first.lease, outcomes, release);
      let calls = 1;
      let run = await begin(queue, handling('unlike'));
      for (; run.status === 'idle' && calls < 10; calls++) {
        expect(run.parked).toEqual({ topics: ['other'], more: false });
        run = await begin(queue, handling('unlike'));
      }
      expect(run).toMatchObject({ status: 'claimed', messages: [{ payload: 'last' }] });
      expect(calls).toBeGreaterThan(1);
    });

    test('D4: one call makes a limited number due, and says that more are left', async () => {
      const { queue } = await scene.queue(name);
      for (let part = 0; part < 5; part++) {
        await queue.enqueue(Array.from({ length: 900 }, (_, index) => letter(`${part} ${index}`, 'new')));
      }
      let parked = 0;
      let run = await take(queue, { limit: 5_000 });
      parked += run.messages.length;
      await settle(
        queue,
        run.lease,
        run.messages.map((each) => park(each, anHour)),
        release,
      );
      expect(parked).toBe(4_500);
      run = await take(queue, { ...handling('new'), limit: 10 });
      expect(run.parked).toEqual({ topics: [], more: true });
      expect(await queue.statistics()).toMatchObject({ due: 3_990, claimed: 10 });
      await settle(queue, run.lease, run.messages.map(done), release);
      const second = await take(queue, { ...handling('new'), limit: 10 });
      expect(second.parked.more).toBe(false);
      expect(await queue.statistics()).toMatchObject({ due: 4_480, claimed: 10 });
    });
  });
}
