/** S3: what operators see of messages and do to them: search, acts on messages that are not in flight, and replacement. */
import { randomUUID } from 'node:crypto';
import { MessageStatus } from '../../src/engine/message.ts';
import type { Found, MessageFilter, Position } from '../../src/engine/message-search.ts';
import type { WorkQueue } from '../../src/engine/work-queue.ts';
import { clockPasses } from './clock.ts';
import {
  anHour,
  dead,
  done,
  enqueueDead,
  giveBack,
  message,
  park,
  payloads,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene } from './scene.ts';

const examine = 100_000;

async function found(queue: WorkQueue, filter: MessageFilter): Promise<string[]> {
  const { messages, next } = await queue.find(filter, { limit: 100, examine });
  expect(next).toBeNull();
  expect((await queue.count(filter, { examine })).count).toBe(messages.length);
  return messages.map(({ correlationId }) => correlationId ?? '');
}

/** Messages that are named by their correlation ids. */
const named = (name: string, fields: Parameters<typeof message>[1] = {}) =>
  message(`payload of ${name}`, { correlationId: name, ...fields });

async function versionOf(queue: WorkQueue, messageId: string): Promise<string> {
  const { messages } = await queue.find({ messageIds: [messageId] }, { limit: 1, examine });
  return messages[0]!.version;
}

export function messagesSuite(scene: Scene): void {
  describe('messages', () => {
    test('S3: each condition selects, alone and with others, in the order of its walk', async () => {
      const { queue } = await scene.queue('inbox');
      await queue.enqueue([named('done', { source: 'bank', dedupKey: 'one' })]);
      let run = await take(queue);
      await settle(queue, run.lease, run.messages.map(done));
      await queue.enqueue([named('dead'), named('dies later', { orderingKey: 'other' })]);
      run = await take(queue);
      await settle(queue, run.lease, [
        dead(run.messages[0]!, 'Order 17 was refused'),
        dead(run.messages[1]!, 'It cannot be sent'),
      ]);
      await queue.enqueue([named('claimed', { orderingKey: 'Key' })]);
      await take(queue);
      await queue.enqueue([
        named('1st', { orderingKey: 'Key', dueInMs: anHour, topic: 'Other' }),
        named('2nd', { orderingKey: 'Key', dueInMs: anHour }),
      ]);
      const all = ['2nd', '1st', 'claimed', 'dies later', 'dead', 'done'];
      await expect(found(queue, {})).resolves.toEqual(all);
      await expect(found(queue, { states: ['done'] })).resolves.toEqual(['done']);
      await expect(found(queue, { states: ['claimed'] })).resolves.toEqual(['claimed']);
      await expect(found(queue, { states: ['ready', 'dead'] })).resolves.toEqual([
        '2nd',
        '1st',
        'dies later',
        'dead',
      ]);
      await expect(found(queue, { states: ['dead'] })).resolves.toEqual(['dead', 'dies later']);
      await expect(found(queue, { states: ['cancelled'] })).resolves.toEqual([]);
      await expect(found(queue, { topic: 'oTHER' })).resolves.toEqual(['1st']);
      await expect(found(queue, { orderingKey: 'Key' })).resolves.toEqual(['2nd', '1st', 'claimed']);
      await expect(found(queue, { orderingKey: 'Key', states: ['ready', 'claimed'] })).resolves.toEqual([
        'claimed',
        '1st',
        '2nd',
      ]);
      await expect(found(queue, { orderingKey: 'key' })).resolves.toEqual([]);
      await expect(found(queue, { dedupKey: 'one' })).resolves.toEqual(['done']);
      await expect(found(queue, { dedupKey: 'one', source: 'Bank' })).resolves.toEqual([]);
      await expect(found(queue, { source: 'bank' })).resolves.toEqual(['done']);
      await expect(found(queue, { correlationId: '1st' })).resolves.toEqual(['1st']);
      await expect(found(queue, { correlationId: '1ST' })).resolves.toEqual([]);
      await expect(found(queue, { errorText: 'oRDER 17' })).resolves.toEqual(['dead']);
      await expect(found(queue, { errorText: 'order_17' })).resolves.toEqual([]);
      await expect(found(queue, { payloadText: 'of 2' })).resolves.toEqual(['2nd']);
      await expect(found(queue, { payloadText: 'Of 2' })).resolves.toEqual([]);
      const { messages } = await queue.find({ correlationId: '1st' }, { limit: 1, examine });
      const { enqueuedUtc } = messages[0]!;
      await expect(found(queue, { enqueuedFrom: enqueuedUtc, topic: 'other' })).resolves.toEqual(['1st']);
      const after = new Date(enqueuedUtc.getTime() + 1);
      await expect(found(queue, { enqueuedFrom: after, topic: 'other' })).resolves.toEqual([]);
      await expect(found(queue, { enqueuedBefore: enqueuedUtc, topic: 'other' })).resolves.toEqual([]);
      await expect(found(queue, { olderThanMs: anHour })).resolves.toEqual([]);
    });

    test('S3: a found message has everything but its content, and the size of that', async () => {
      const { queue } = await scene.queue('outbox');
      const letter = named('A', { orderingKey: 'K', dedupKey: 'D', headers: { h: '1' } });
      await enqueueDead(queue, letter);
      const [summary] = (await queue.find({ states: ['dead'] }, { limit: 1, examine })).messages;
      const { payload, headers, ...record } = await stored(queue, letter);
      const { contentBytes, version, ...rest } = summary!;
      expect(rest).toEqual(record);
      expect(contentBytes).toBeGreaterThanOrEqual(payload.length + JSON.stringify(headers).length);
      expect(version).toMatch(/^3\./);
    });

    test('S3: a search examines no more than it may, and goes on from there; none is left out or comes twice', async () => {
      const { queue } = await scene.queue('outbox');
      const letters = Array.from({ length: 25 }, (_, index) =>
        named(`${index}`, { topic: index % 10 === 0 ? 'rare' : 'frequent' }),
      );
      await queue.enqueue(letters);
      const seen: string[] = [];
      let after: Position | null = null;
      let calls = 0;
      do {
        const part: Found = await queue.find(
          { topic: 'rare' },
          { limit: 9, examine: 4, ...(after && { after }) },
        );
        seen.push(...part.messages.map(({ correlationId }) => correlationId!));
        after = part.next;
        // What comes meanwhile has a place before the search.
        await queue.enqueue([named(`new ${calls}`, { topic: 'rare' })]);
        calls++;
      } while (after !== null);
      expect(seen).toEqual(['20', '10', '0']);
      expect(calls).toBe(7);
      const counted = await queue.count({ topic: 'rare' }, { examine: 7 });
      expect(counted.count).toBe(7);
      expect(counted.next).not.toBeNull();
    });

    test('S3: a search of payloads ends its part at a bound of bytes, after at least one message, and goes on from there', async () => {
      const { queue } = await scene.queue('outbox');
      const letters = [10_000, 1, 1, 10_000, 1, 1, 1, 1].map((characters, index) =>
        message('x'.repeat(characters), { correlationId: `${index}` }),
      );
      await queue.enqueue(letters);
      const parts: { names: string[]; counted: number; examined: number }[] = [];
      let after: Position | null = null;
      do {
        const part = { examine: 3, examineBytes: 10_000, ...(after && { after }) };
        const { count } = await queue.count({ payloadText: 'x' }, part);
        const result: Found = await queue.find({ payloadText: 'x' }, { ...part, limit: 9 });
        const names = result.messages.map(({ correlationId }) => correlationId!);
        parts.push({ names, counted: count, examined: result.examined });
        after = result.next;
      } while (after !== null);
      expect(parts).toEqual([
        { names: ['7', '6', '5'], counted: 3, examined: 3 },
        { names: ['4', '3'], counted: 2, examined: 2 },
        { names: ['2', '1', '0'], counted: 3, examined: 3 },
        { names: [], counted: 0, examined: expect.any(Number) },
      ]);
      // Other searches read no payload, so the size of the contents does not count.
      const whole = await queue.find({ topic: letters[0]!.topic }, { limit: 9, examine: 9, examineBytes: 1 });
      expect(whole.messages).toHaveLength(8);
    });

    test('S3: a search that waits, with nothing to wait for, finds the same', async () => {
      const { queue } = await scene.queue('outbox');
      await queue.enqueue([named('1'), named('2', { orderingKey: 'K' })]);
      for (const filter of [{}, { states: ['ready'] }, { orderingKey: 'K', states: ['ready'] }] as const) {
        const { messages } = await queue.find(filter, { limit: 9, examine });
        await expect(queue.find(filter, { limit: 9, examine, waits: true })).resolves.toMatchObject({
          messages,
          next: null,
        });
      }
    });

    test('S3: Done messages come in the order of their ends, claimed ones in that of their storing, the last ones first', async () => {
      const { queue, database } = await scene.queue('outbox');
      await queue.enqueue(['1', '2', '3', '4', '5'].map((name) => named(name)));
      const run = await take(queue);
      for (const index of [1, 0, 2]) {
        await settle(queue, run.lease, [done(run.messages[index]!)], { do: 'renew-lease' });
        await clockPasses(database.leases);
      }
      await expect(found(queue, { states: ['done'] })).resolves.toEqual(['3', '1', '2']);
      await expect(found(queue, { states: ['claimed'] })).resolves.toEqual(['5', '4']);
    });

    test('S3: a cancelled message is never run; it stays with its reason, and its ordering group goes on', async () => {
      const { queue } = await scene.queue('outbox');
      const [first, second] = [named('1', { orderingKey: 'K' }), named('2', { orderingKey: 'K' })];
      await queue.enqueue([first, second]);
      const cancel = { do: 'cancel', reason: 'ordered twice' } as const;
      await expect(queue.act(cancel, [first])).resolves.toEqual([first.messageId]);
      await expect(queue.act(cancel, [first])).resolves.toEqual([]);
      expect(await stored(queue, first)).toMatchObject({
        status: MessageStatus.Done,
        endReason: 'ordered twice',
      });
      await expect(found(queue, { states: ['cancelled'] })).resolves.toEqual(['1']);
      await expect(found(queue, { states: ['done'] })).resolves.toEqual([]);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual([second.payload]);
      // A message in flight is not changed.
      await expect(queue.act(cancel, [second])).resolves.toEqual([]);
      await settle(queue, run.lease, [dead(run.messages[0]!)]);
      await expect(queue.act(cancel, [second])).resolves.toEqual([second.messageId]);
      expect(await queue.statistics()).toMatchObject({ ready: 0, claimed: 0, dead: 0, done: 2 });
    });

    test('S3: a cancelled message keeps its attempts, and nothing of how it would have been run next', async () => {
      const { queue } = await scene.queue('outbox');
      const [head, behind] = [named('1', { orderingKey: 'K' }), named('2', { orderingKey: 'K' })];
      await queue.enqueue([head, behind]);
      await take(queue);
      const run = await take(queue);
      await settle(queue, run.lease, [park(run.messages[0]!, anHour)]);
      await expect(stored(queue, behind)).resolves.toMatchObject({ blocked: true, recovered: true });
      const cancel = { do: 'cancel', reason: 'ordered twice' } as const;
      await expect(queue.act(cancel, [head, behind])).resolves.toHaveLength(2);
      for (const letter of [head, behind]) {
        expect(await stored(queue, letter)).toMatchObject({
          status: MessageStatus.Done,
          attempts: 1,
          blocked: false,
          recovered: false,
          parks: 0,
        });
      }
    });

    test('S3: a rescheduled message is due after its new delay', async () => {
      const { queue } = await scene.queue('outbox');
      const [soon, late] = [named('soon'), named('late', { dueInMs: anHour })];
      await queue.enqueue([soon, late]);
      await expect(queue.act({ do: 'reschedule', delayMs: anHour }, [soon])).resolves.toHaveLength(1);
      await expect(queue.act({ do: 'reschedule', delayMs: 0 }, [late])).resolves.toHaveLength(1);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual([late.payload]);
      expect(run.nextDueInMs).toBeGreaterThan(anHour / 2);
    });

    test('S3: an act leaves a message alone that has changed since it was read', async () => {
      const { queue } = await scene.queue('outbox');
      const letter = named('A');
      await enqueueDead(queue, letter);
      const target = { messageId: letter.messageId, version: await versionOf(queue, letter.messageId) };
      await queue.act({ do: 'replay' }, [target]);
      const run = await take(queue);
      await settle(queue, run.lease, [dead(run.messages[0]!)]);
      await expect(queue.act({ do: 'replay' }, [target])).resolves.toEqual([]);
      await expect(queue.act({ do: 'discard' }, [target])).resolves.toEqual([]);
      await expect(queue.act({ do: 'discard' }, [{ messageId: randomUUID() }])).resolves.toEqual([]);
      await expect(queue.act({ do: 'discard' }, [{ messageId: letter.messageId }])).resolves.toHaveLength(1);
    });

    test('S3: a replaced message ends as cancelled, and the new one has its place, its keys and a history of its own', async () => {
      const { queue } = await scene.queue('outbox');
      const letters = ['1', '2'].map((name) => named(name, { orderingKey: 'K', dedupKey: name }));
      const [first, second] = letters as [(typeof letters)[0], (typeof letters)[0]];
      await queue.enqueue(letters);
      let run = await take(queue);
      await settle(queue, run.lease, [dead(run.messages[0]!, 'no such customer')]);
      const messageId = randomUUID();
      const replacement = {
        target: { messageId: first.messageId, version: await versionOf(queue, first.messageId) },
        messageId,
        payload: 'corrected \u0000 \u{1f600}',
        headers: { by: 'ada' },
        delayMs: 0,
        reason: 'the customer had moved',
      };
      await expect(queue.replace(replacement)).resolves.toBe(true);
      expect(await stored(queue, first)).toMatchObject({
        payload: first.payload,
        status: MessageStatus.Done,
        attempts: 1,
        lastError: 'no such customer',
        endReason: 'the customer had moved',
        dedupKey: null,
      });
      expect(await stored(queue, { messageId })).toMatchObject({
        payload: replacement.payload,
        headers: { by: 'ada' },
        topic: first.topic,
        correlationId: '1',
        orderingKey: 'K',
        dedupKey: '1',
        status: MessageStatus.Ready,
        attempts: 0,
        lastError: null,
        endReason: null,
      });
      // The key of the old message is the new one's.
      await expect(queue.enqueue([named('again', { dedupKey: '1' })])).resolves.toMatchObject([
        { status: 'duplicate', messageId },
      ]);
      await expect(queue.replace({ ...replacement, messageId: randomUUID() })).resolves.toBe(false);
      run = await take(queue, { limit: 1 });
      expect(run.messages).toMatchObject([{ messageId, attempt: 1, payload: replacement.payload }]);
      // In flight it is not replaced.
      await expect(
        queue.replace({ ...replacement, target: { messageId }, messageId: randomUUID() }),
      ).resolves.toBe(false);
      await settle(queue, run.lease, run.messages.map(done));
      run = await take(queue);
      expect(payloads(run.messages)).toEqual([second.payload]);
      await settle(queue, run.lease, run.messages.map(done));
      expect(await queue.statistics()).toMatchObject({ ready: 0, blocked: 0, dead: 0, done: 3 });
    });

    test('S3: a message without a key is replaced, and the new one is due after its delay', async () => {
      const { queue } = await scene.queue('outbox');
      const [old, other] = [named('old'), named('other')];
      await queue.enqueue([old, other]);
      const messageId = randomUUID();
      const replacement = {
        target: old,
        messageId,
        payload: 'new',
        headers: {},
        delayMs: anHour,
        reason: 'r',
      };
      await expect(queue.replace(replacement)).resolves.toBe(true);
      const run = await take(queue);
      expect(payloads(run.messages)).toEqual([other.payload]);
      expect(run.nextDueInMs).toBeGreaterThan(anHour / 2);
      expect(run.nextDueInMs).toBeLessThanOrEqual(anHour);
      expect(await stored(queue, { messageId })).toMatchObject({
        payload: 'new',
        headers: {},
        blocked: false,
      });
    });

    test('S3: a replaced message that was replayed and recovered has a new history', async () => {
      const { queue } = await scene.queue('outbox');
      const old = named('old');
      await enqueueDead(queue, old);
      await expect(queue.act({ do: 'replay' }, [old])).resolves.toHaveLength(1);
      await take(queue);
      const run = await take(queue);
      await settle(queue, run.lease, [giveBack(run.messages[0]!, anHour)]);
      await expect(stored(queue, old)).resolves.toMatchObject({ replayCount: 1, recovered: true });
      const messageId = randomUUID();
      const replacement = { target: old, messageId, payload: 'new', headers: {}, delayMs: 0, reason: 'r' };
      await expect(queue.replace(replacement)).resolves.toBe(true);
      expect(await stored(queue, { messageId })).toMatchObject({
        attempts: 0,
        replayCount: 0,
        recovered: false,
        firstError: null,
      });
    });

    test('S3: a message that waits is replaced where it waits', async () => {
      const { queue } = await scene.queue('outbox');
      const letters = ['1', '2', '3'].map((name) => named(name, { orderingKey: 'K' }));
      await queue.enqueue(letters);
      const replacement = {
        messageId: randomUUID(),
        payload: 'second',
        headers: {},
        delayMs: 0,
        reason: 'r',
      };
      await expect(
        queue.replace({ ...replacement, target: { messageId: letters[1]!.messageId } }),
      ).resolves.toBe(true);
      expect(payloads((await take(queue)).messages)).toEqual([
        letters[0]!.payload,
        'second',
        letters[2]!.payload,
      ]);
    });
  });
}
